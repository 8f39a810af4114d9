#include "vm/image/disassemble.hpp"

#include <algorithm>

namespace millrace::vm {

namespace {

std::string slot(std::uint32_t number) {
    return "s" + std::to_string(number);
}
std::string immediate(std::int64_t value) {
    return "#" + std::to_string(value);
}
std::string target(std::uint32_t from, std::uint32_t distance) {
    return "->" + std::to_string(std::int64_t{from} + static_cast<std::int32_t>(distance));
}

/// What follows the name.
std::string operands(ImageForm form, std::uint64_t w, std::uint64_t extension, std::uint32_t at) {
    std::string a = slot(word::a(w));
    const std::string b = slot(word::b(w));
    const std::string c = slot(word::c(w));
    std::string x = std::to_string(word::x(w));
    const std::string low = std::to_string(word::low(extension));
    const std::string high = std::to_string(word::x(extension));
    const auto link = [&] { return target(at + 1, word::low(extension)) + ", else gas " + high; };
    switch (form) {
        case ImageForm::none:
            return "";
        case ImageForm::dst_a_b:
            return a + " = " + b + ", " + c;
        case ImageForm::dst_a_imm:
            return a + " = " + b + ", " + immediate(word::imm_c(w));
        case ImageForm::dst_a:
            return a + " = " + b;
        case ImageForm::dst_x:
            return a + " = " + x;
        case ImageForm::dst_extension:
            return a + " = " + std::to_string(extension);
        case ImageForm::branch_a_b:
            return a + ", " + b + " " + link();
        case ImageForm::branch_a_imm:
            return a + ", " + immediate(word::imm_b(w)) + " " + link();
        case ImageForm::boot:
            return x + " pages, at most " + std::to_string(extension);
        case ImageForm::target:
            return target(at, word::x(w));
        case ImageForm::table:
            return a + " of " + x;
        case ImageForm::live_charge:
            return "live " + std::to_string(word::a(w)) + ", gas " + x;
        case ImageForm::charge:
            return "gas " + x;
        case ImageForm::slots_count:
            return a + " count " + x;
        case ImageForm::call:
            return "f" + x + " base " + a + ", entry " + low + ", slots " + high;
        case ImageForm::call_indirect:
            return b + " base " + a + ", type " + low + ", table " + high;
        case ImageForm::host:
            return "h" + x + " base " + a;
        case ImageForm::a_only:
            return a;
        case ImageForm::a_x:
            return a + ", " + x;
        case ImageForm::x_only:
            return x;
        case ImageForm::a_b_c:
            return a + ", " + b + ", " + c;
        case ImageForm::a_b_c_extension:
            return a + ", " + b + ", " + c + " [" + low + ", " + high + "]";
        case ImageForm::dst_a_table:
            return a + ", " + b + " table " + std::to_string(word::c(w));
        case ImageForm::select:
            return a + " = " + slot(word::low(extension)) + " ? " + b + " : " + c;
        case ImageForm::load:
            return a + " = [" + b + " + " + std::to_string(word::c(w)) + "]";
        case ImageForm::load_wide:
            return a + " = [" + b + " + " + low + "]";
        case ImageForm::load_at:
            return a + " = [" + x + "]";
        case ImageForm::store:
            return "[" + b + " + " + std::to_string(word::c(w)) + "] = " + a;
        case ImageForm::store_wide:
            return "[" + b + " + " + low + "] = " + a;
        case ImageForm::store_at:
            return "[" + x + "] = " + a;
    }
    return "";
}

/// More targets than this are not listed.
constexpr std::uint32_t kTargetsShown = 64;

std::string targets(std::span<const std::uint64_t> code, std::uint32_t at, std::uint32_t count) {
    std::string out;
    for (std::uint32_t i = 0; i < std::min(count, kTargetsShown); ++i) {
        const std::uint32_t holder = at + 1 + i / 2;
        if (holder >= code.size()) break;
        const std::uint32_t distance =
            (i & 1) != 0 ? word::x(code[holder]) : word::low(code[holder]);
        out += " " + target(holder, distance);
    }
    return count > kTargetsShown ? out + " ..." : out;
}

}  // namespace

Disassembled disassemble_at(std::span<const std::uint64_t> code, std::uint32_t at) {
    if (at >= code.size()) return {"(end of code)", 1};
    const std::uint64_t w = code[at];
    if (word::op(w) >= kImageOpcodeCount) return {"invalid", 1};
    const ImageOpInfo& row = kImageOpcodes[word::op(w)];
    Disassembled out{std::string{row.text}, word_count(row.form)};
    if (out.words == 2 && at + 1 >= code.size()) return {out.text, 1};
    const std::string rest = operands(row.form, w, out.words == 2 ? code[at + 1] : 0, at);
    if (!rest.empty()) out.text += " " + rest;
    if (row.op == ImageOp::br_table) {
        // One target more than the count: the default.
        const std::uint64_t words = 1 + (std::uint64_t{word::x(w)} + 2) / 2;
        out.text += targets(code, at, word::x(w) + 1);
        out.words = static_cast<std::uint32_t>(std::min<std::uint64_t>(words, code.size() - at));
    }
    return out;
}

std::string disassemble(std::span<const std::uint64_t> code, std::uint32_t from, std::uint32_t end,
                        std::uint32_t lines_max) {
    std::string out;
    for (std::uint32_t lines = 0; from < end && from < code.size() && lines < lines_max; ++lines) {
        const Disassembled one = disassemble_at(code, from);
        out += std::to_string(from) + "  " + one.text + "\n";
        from += one.words;
    }
    return out;
}

}  // namespace millrace::vm
