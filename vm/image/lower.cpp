#include "vm/image/lower.hpp"

#include <algorithm>

#include "vm/image/detail/function_lowering.hpp"
#include "vm/module/limits.hpp"

namespace millrace::vm {

namespace {

using detail::CodeWriter;

/// Two words that call `function`, or as many that do nothing.
void put_prologue_call(CodeWriter& code, std::optional<std::uint32_t> function) {
    if (function) {
        code.put(word::ax(ImageOp::call, 0, *function));
    } else {
        code.put(word::ax(ImageOp::br, 0, 2));
    }
    code.put(0);
}

/// Writes entry and frame size of the callee behind each call.
void link_calls(std::vector<std::uint64_t>& words, const std::vector<FunctionRecord>& functions) {
    for (std::size_t at = 0; at < words.size();) {
        const std::uint64_t w = words[at];
        const ImageOpInfo& row = kImageOpcodes[word::op(w)];
        if (row.op == ImageOp::call) {
            const FunctionRecord& callee = functions[word::x(w)];
            words[at + 1] = word::halves(callee.entry, callee.frame_slots);
        }
        at += word_count(row.form);
        if (row.op == ImageOp::br_table) at += (std::size_t{word::x(w)} + 2) / 2;
        if (row.op == ImageOp::br && at <= kFinishWord) ++at;  // the prologue's empty second word
    }
}

}  // namespace

Result<LoweredCode, ImageError> lower_code(const ValidModule& module,
                                           std::optional<std::uint32_t> entry,
                                           const LowerOptions& options) {
    CodeWriter code(static_cast<std::size_t>(std::min(options.words_max, kCodeWordsMax)));
    const bool has_memory = !module->memories.empty();
    const Limits memory = has_memory ? module->memories[0].limits : Limits{};
    code.put(word::ax(ImageOp::boot, 0, memory.min));
    code.put(has_memory ? std::min(memory.max.value_or(kMemoryPagesMax), kMemoryPagesMax) : 0);
    put_prologue_call(code, entry ? module->start : std::nullopt);
    put_prologue_call(code, entry);
    code.put(word::ax(ImageOp::finish, 0, 0));
    MILLRACE_ASSERT(code.size() == kPrologueWords || code.overflowed());

    LoweredCode out;
    out.functions.reserve(module->functions.size());
    detail::FunctionLowering lowering(*module, options, code);
    for (std::uint32_t f = 0; f < module->functions.size(); ++f) {
        FunctionRecord record;
        if (module->is_imported_function(f)) {
            record = lowering.lower_import(f);
        } else {
            MILLRACE_TRY(record, lowering.lower(f));
        }
        record.type_id = module->canonical_types[module->functions[f]];
        out.functions.push_back(record);
    }
    if (code.overflowed()) return Err{ImageError{ImageRefusal::image_too_large, "code"}};
    out.words = code.take();
    link_calls(out.words, out.functions);
    return out;
}

}  // namespace millrace::vm
