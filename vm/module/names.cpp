#include "vm/module/names.hpp"

#include <array>

#include "vm/module/cursor.hpp"

namespace millrace::vm {

namespace {

constexpr std::uint8_t kFunctionNames = 1;

std::string name_in_section(const Module& module, std::uint32_t function) {
    const ByteRange section = module.name_section;
    ByteCursor in(module.bytes(section), section.offset);
    while (!in.failed() && !in.at_end()) {
        const std::uint8_t id = in.u8();
        const std::uint32_t size = in.u32();
        const std::uint32_t begin = in.offset();
        ByteCursor part(in.take(size), begin);
        if (id != kFunctionNames) continue;
        const std::uint32_t count = part.u32();
        for (std::uint32_t i = 0; i < count && !part.failed(); ++i) {
            const std::uint32_t index = part.u32();
            const ByteView name = part.take(part.u32());
            if (!part.failed() && index == function) return std::string{as_text(name)};
        }
    }
    return {};
}

}  // namespace

std::string function_name(const Module& module, std::uint32_t function) {
    if (std::string name = name_in_section(module, function); !name.empty()) return name;
    for (const Export& entry : module.exports)
        if (entry.kind == ExternKind::function && entry.index == function)
            return std::string{module.text(entry.name)};
    for (const Import& entry : module.imports)
        if (entry.kind == ExternKind::function && entry.index == function)
            return std::string{module.text(entry.name)};
    return {};
}

std::string printable(std::string_view text) {
    std::string out;
    for (const char c : text.substr(0, kPrintedNameMax)) {
        const auto byte = static_cast<std::uint8_t>(c);
        if (byte >= 0x20 && byte != 0x7f && c != '"' && c != '\\') {
            out += c;
            continue;
        }
        const std::array<std::uint8_t, 1> raw{byte};
        out += '\\' + to_hex(raw);
    }
    if (text.size() > kPrintedNameMax) out += "...";
    return out;
}

}  // namespace millrace::vm
