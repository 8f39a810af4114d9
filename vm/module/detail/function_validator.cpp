#include "vm/module/detail/function_validator.hpp"

#include <algorithm>
#include <array>
#include <cstring>

#include "vm/module/limits.hpp"

namespace millrace::vm::detail {

namespace {

/// One-element lists of each type, for blocks that yield one value.
constexpr std::array<ValType, 6> kSingleTypes{ValType::i32, ValType::i64,     ValType::f32,
                                              ValType::f64, ValType::funcref, ValType::externref};
/// Label ids: of no value, of one value by its place above, then 2 × canonical type (+1 of a loop).
constexpr std::uint32_t kEmptyLabel = 0;
constexpr std::uint32_t kSingleLabels = 1;
constexpr std::uint32_t kTypeLabels = kSingleLabels + kSingleTypes.size();

std::string number(std::uint64_t value) {
    return std::to_string(value);
}

}  // namespace

void LocalTypes::reset(std::span<const ValType> params, std::uint32_t laid_out_max) {
    runs_.clear();
    laid_out_.assign(params.begin(), params.end());
    count_ = static_cast<std::uint32_t>(params.size());
    laid_out_max_ = std::max(laid_out_max, count_);
}

void LocalTypes::add(const LocalRun& run) {
    count_ += run.count;
    const auto laid_out = static_cast<std::uint32_t>(laid_out_.size());
    const std::uint32_t more = std::min(run.count, laid_out_max_ - laid_out);
    laid_out_.insert(laid_out_.end(), more, run.type);
    if (run.count != 0) runs_.push_back({count_, run.type});
}

ValType LocalTypes::at(std::uint32_t local) const {
    if (local < laid_out_.size()) return laid_out_[local];
    return std::upper_bound(runs_.begin(), runs_.end(), local,
                            [](std::uint32_t value, const Run& run) { return value < run.end; })
        ->type;
}

FunctionValidator::FunctionValidator(const ModuleContext& context)
    : context_(context),
      module_(context.module),
      checked_(kTypeLabels + 2 * context.module.types.size()) {}

bool FunctionValidator::fail(ModuleRule rule, std::string detail) {
    error_ = {current_.offset, rule, std::move(detail)};
    return false;
}

bool FunctionValidator::mismatch(ValType wanted, std::string_view found) {
    std::string detail{info(current_.op).text};
    detail += " needs ";
    detail += wanted == kUnknown ? "a value" : to_text(wanted);
    detail += " and finds ";
    detail += found;
    return fail(ModuleRule::type_mismatch, std::move(detail));
}

bool FunctionValidator::read_locals(std::uint32_t function, std::uint32_t& code_offset) {
    const FunctionBody body = module_.body(function);
    const FuncType& type = module_.function_type(function);
    locals_.reset(module_.params(type), body.size);
    LocalReader reader(module_.bytes(body), body.offset);
    LocalRun run;
    std::uint64_t total = type.param_count;
    current_.offset = body.offset;
    while (reader.next(run)) {
        total += run.count;
        // Beyond the limit nothing is laid out any more; the sum goes on, for the right refusal.
        if (total <= kLocalsMax) locals_.add(run);
    }
    if (reader.failed()) {
        error_ = reader.error();
        return false;
    }
    if (total - type.param_count > 0xffff'ffffu)
        return fail(ModuleRule::local_count, number(total));
    if (total > kLocalsMax)
        return fail(ModuleRule::too_many_locals, number(total) + ", at most " + number(kLocalsMax));
    code_offset = reader.offset();
    return true;
}

bool FunctionValidator::check(std::uint32_t function) {
    const FunctionBody body = module_.body(function);
    std::uint32_t code_offset = 0;
    if (!read_locals(function, code_offset)) return false;
    const std::uint32_t end = body.offset + body.size;
    InstructionReader reader(module_.bytes({code_offset, end - code_offset}), code_offset);
    operands_.clear();
    frames_.clear();
    const FuncType& type = module_.function_type(function);
    const std::uint32_t id = kTypeLabels + 2 * module_.canonical_types[module_.functions[function]];
    if (!push_frame(Opcode::block, {}, module_.results(type), id)) return false;
    while (reader.next(current_)) {
        if (!step(current_)) return false;
        if (operands_.size() > kOperandsMax)
            return fail(ModuleRule::too_many_operands,
                        number(operands_.size()) + ", at most " + number(kOperandsMax));
        if (frames_.empty()) break;
    }
    if (reader.failed()) {
        error_ = reader.error();
        return false;
    }
    current_.offset = reader.offset();
    if (!frames_.empty())
        return fail(ModuleRule::end_expected, number(frames_.size()) + " blocks are open");
    if (reader.offset() != end)
        return fail(ModuleRule::body_size,
                    number(end - reader.offset()) + " bytes follow the last `end`");
    return true;
}

bool FunctionValidator::step(const Instruction& i) {
    const OpcodeInfo& row = info(i.op);
    switch (row.immediate) {
        case Immediate::memarg:
        case Immediate::memory:
        case Immediate::memory_and_memory:
        case Immediate::data_and_memory:
        case Immediate::data:
            return step_memory(i, row);
        case Immediate::table:
        case Immediate::element:
        case Immediate::element_and_table:
        case Immediate::table_and_table:
            return step_table(i, row);
        default:
            return row.signature.special ? step_special(i) : step_fixed(i, row);
    }
}

bool FunctionValidator::step_fixed(const Instruction&, const OpcodeInfo& row) {
    const OpSignature& signature = row.signature;
    for (std::size_t at = signature.pop_count; at-- > 0;)
        if (!pop(signature.pops[at])) return false;
    if (signature.push_count != 0) push(signature.push);
    return true;
}

bool FunctionValidator::step_special(const Instruction& i) {
    ValType type = kUnknown;
    GlobalType global;
    const Frame* frame = nullptr;
    switch (i.op) {
        case Opcode::unreachable:
            set_unreachable();
            return true;
        case Opcode::block:
        case Opcode::loop:
        case Opcode::if_:
            return step_block(i);
        case Opcode::else_:
            return step_else(i);
        case Opcode::end:
            return step_end(i);
        case Opcode::br:
            if (!frame_at(i.index, frame) || !pop_all(frame->label_types())) return false;
            set_unreachable();
            return true;
        case Opcode::br_if:
            return frame_at(i.index, frame) && pop(ValType::i32) && pop_all(frame->label_types()) &&
                   push_all(frame->label_types());
        case Opcode::br_table:
            return step_branch_table(i);
        case Opcode::return_:
            if (!pop_all(frames_.front().results)) return false;
            set_unreachable();
            return true;
        case Opcode::call:
            if (i.index >= module_.functions.size())
                return fail(ModuleRule::unknown_function, number(i.index));
            return step_call(i, module_.function_type(i.index));
        case Opcode::call_indirect:
            if (!table_type(i.second, type)) return false;
            if (type != ValType::funcref) return mismatch(ValType::funcref, to_text(type));
            if (i.index >= module_.types.size())
                return fail(ModuleRule::unknown_type, number(i.index));
            return pop(ValType::i32) && step_call(i, module_.types[i.index]);
        case Opcode::drop:
            return pop_any(type);
        case Opcode::select:
        case Opcode::select_t:
            return step_select(i);
        case Opcode::local_get:
            if (!local_type(i.index, type)) return false;
            push(type);
            return true;
        case Opcode::local_set:
            return local_type(i.index, type) && pop(type);
        case Opcode::local_tee:
            if (!local_type(i.index, type) || !pop(type)) return false;
            push(type);
            return true;
        case Opcode::global_get:
            if (!global_type(i.index, global)) return false;
            push(global.type);
            return true;
        case Opcode::global_set:
            if (!global_type(i.index, global)) return false;
            if (!global.is_mutable) return fail(ModuleRule::immutable_global, number(i.index));
            return pop(global.type);
        case Opcode::ref_null:
        case Opcode::ref_is_null:
        case Opcode::ref_func:
            return step_reference(i);
        default:
            MILLRACE_ASSERT(false);
            return false;
    }
}

bool FunctionValidator::block_types(const Instruction& i, Types& params, Types& results,
                                    std::uint32_t& label_id) {
    params = {};
    results = {};
    label_id = kEmptyLabel;
    switch (i.block.kind) {
        case BlockType::Kind::empty:
            return true;
        case BlockType::Kind::value: {
            const auto found = std::find(kSingleTypes.begin(), kSingleTypes.end(), i.block.value);
            const auto place = static_cast<std::size_t>(found - kSingleTypes.begin());
            results = Types{kSingleTypes}.subspan(place, 1);
            if (i.op != Opcode::loop) label_id = kSingleLabels + static_cast<std::uint32_t>(place);
            return true;
        }
        case BlockType::Kind::type: {
            const std::uint32_t index = i.block.type_index;
            if (index >= module_.types.size()) return fail(ModuleRule::unknown_type, number(index));
            params = module_.params(module_.types[index]);
            results = module_.results(module_.types[index]);
            label_id =
                kTypeLabels + 2 * module_.canonical_types[index] + (i.op == Opcode::loop ? 1u : 0u);
            return true;
        }
    }
    return false;
}

bool FunctionValidator::step_block(const Instruction& i) {
    Types params;
    Types results;
    std::uint32_t label_id = 0;
    if (!block_types(i, params, results, label_id)) return false;
    if (i.op == Opcode::if_ && !pop(ValType::i32)) return false;
    return pop_all(params) && push_frame(i.op, params, results, label_id);
}

bool FunctionValidator::step_else(const Instruction&) {
    Frame& frame = frames_.back();
    if (frame.op != Opcode::if_)
        return fail(ModuleRule::illegal_opcode, "an `else` without its `if`");
    if (!pop_all(frame.results)) return false;
    if (operands_.size() != frame.height) return mismatch(kUnknown, "values left over before it");
    frame.op = Opcode::else_;
    frame.unreachable = false;
    return push_all(frame.params);
}

bool FunctionValidator::step_end(const Instruction&) {
    const Frame frame = frames_.back();
    if (!pop_all(frame.results)) return false;
    if (operands_.size() != frame.height)
        return fail(ModuleRule::type_mismatch,
                    number(operands_.size() - frame.height) + " values are left over at `end`");
    // Without `else` the parameters pass through.
    if (frame.op == Opcode::if_ && !std::ranges::equal(frame.params, frame.results))
        return fail(ModuleRule::type_mismatch, "an `if` without `else` must leave what it takes");
    frames_.pop_back();
    return frames_.empty() || push_all(frame.results);
}

bool FunctionValidator::step_branch_table(const Instruction& i) {
    if (!pop(ValType::i32)) return false;
    if (++stamp_ == 0) {  // after 2^32 tables old stamps could be taken for new ones
        std::fill(checked_.begin(), checked_.end(), 0);
        stamp_ = 1;
    }
    std::uint32_t last = 0;
    for (const std::uint32_t label : i.labels) last = label;
    const Frame* fallback = nullptr;
    if (!frame_at(last, fallback)) return false;
    const std::size_t arity = fallback->label_types().size();
    std::uint64_t work = 0;
    for (const std::uint32_t label : i.labels) {
        const Frame* frame = nullptr;
        if (!frame_at(label, frame)) return false;
        if (checked_[frame->label_id] == stamp_) continue;
        checked_[frame->label_id] = stamp_;
        if (frame->label_types().size() != arity)
            return fail(ModuleRule::type_mismatch, "labels of br_table take different numbers");
        if (!check_top(frame->label_types())) return false;
        work += arity;
        if (work > kBranchTableWorkMax)
            return fail(ModuleRule::branch_table_too_large, "too many different label types");
    }
    if (!pop_all(fallback->label_types())) return false;
    set_unreachable();
    return true;
}

bool FunctionValidator::step_call(const Instruction&, const FuncType& type) {
    return pop_all(module_.params(type)) && push_all(module_.results(type));
}

bool FunctionValidator::step_select(const Instruction& i) {
    if (i.op == Opcode::select_t) {
        if (!pop(ValType::i32) || !pop(i.type) || !pop(i.type)) return false;
        push(i.type);
        return true;
    }
    ValType second = kUnknown;
    ValType first = kUnknown;
    if (!pop(ValType::i32) || !pop_any(second) || !pop_any(first)) return false;
    if (is_reference(first) || is_reference(second))
        return fail(ModuleRule::type_mismatch, "a select of references must name its type");
    if (first != second && first != kUnknown && second != kUnknown)
        return mismatch(first, to_text(second));
    push(first == kUnknown ? second : first);
    return true;
}

bool FunctionValidator::step_memory(const Instruction& i, const OpcodeInfo& row) {
    if (row.immediate != Immediate::data && module_.memories.empty())
        return fail(ModuleRule::unknown_memory, std::string{row.text} + " without a memory");
    if (row.immediate == Immediate::data || row.immediate == Immediate::data_and_memory) {
        if (!module_.data_count && !module_.data.empty())
            return fail(ModuleRule::data_count_required, std::string{row.text});
        if (i.index >= module_.data.size())
            return fail(ModuleRule::unknown_data_segment, number(i.index));
    }
    if (row.immediate == Immediate::memarg && (1u << i.index) > access_size(i.op))
        return fail(ModuleRule::alignment_too_large,
                    std::string{row.text} + " claims 2^" + number(i.index));
    return step_fixed(i, row);
}

bool FunctionValidator::step_table(const Instruction& i, const OpcodeInfo& row) {
    if (row.immediate == Immediate::element || row.immediate == Immediate::element_and_table)
        if (i.index >= module_.elements.size())
            return fail(ModuleRule::unknown_element_segment, number(i.index));
    ValType type = kUnknown;
    ValType other = kUnknown;
    switch (i.op) {
        case Opcode::table_get:
            if (!table_type(i.index, type) || !pop(ValType::i32)) return false;
            push(type);
            return true;
        case Opcode::table_set:
            return table_type(i.index, type) && pop_list({ValType::i32, type});
        case Opcode::table_grow:
            if (!table_type(i.index, type) || !pop_list({type, ValType::i32})) return false;
            push(ValType::i32);
            return true;
        case Opcode::table_fill:
            return table_type(i.index, type) && pop_list({ValType::i32, type, ValType::i32});
        case Opcode::table_copy:
            if (!table_type(i.index, type) || !table_type(i.second, other)) return false;
            if (type != other) return mismatch(type, to_text(other));
            return step_fixed(i, row);
        case Opcode::table_init:
            if (!table_type(i.second, type)) return false;
            other = module_.elements[i.index].type;
            if (type != other) return mismatch(type, to_text(other));
            return step_fixed(i, row);
        case Opcode::table_size:
            return table_type(i.index, type) && step_fixed(i, row);
        default:  // elem.drop
            return step_fixed(i, row);
    }
}

bool FunctionValidator::step_reference(const Instruction& i) {
    ValType type = kUnknown;
    switch (i.op) {
        case Opcode::ref_null:
            push(i.type);
            return true;
        case Opcode::ref_is_null:
            if (!pop_any(type)) return false;
            if (type != kUnknown && !is_reference(type))
                return fail(ModuleRule::type_mismatch, "ref.is_null needs a reference and finds " +
                                                           std::string{to_text(type)});
            push(ValType::i32);
            return true;
        default:  // ref.func
            if (i.index >= module_.functions.size())
                return fail(ModuleRule::unknown_function, number(i.index));
            if (!context_.declared_functions[i.index])
                return fail(ModuleRule::undeclared_reference, number(i.index));
            push(ValType::funcref);
            return true;
    }
}

bool FunctionValidator::push_all(Types types) {
    // The limit is looked at after each instruction, which pushes at most kResultsMax values.
    operands_.insert(operands_.end(), types.begin(), types.end());
    return true;
}

bool FunctionValidator::pop_any(ValType& out) {
    const Frame& frame = frames_.back();
    if (operands_.size() == frame.height) {
        out = kUnknown;
        return frame.unreachable || mismatch(kUnknown, "nothing");
    }
    out = operands_.back();
    operands_.pop_back();
    return true;
}

bool FunctionValidator::pop(ValType wanted) {
    const Frame& frame = frames_.back();
    if (operands_.size() == frame.height) return frame.unreachable || mismatch(wanted, "nothing");
    const ValType found = operands_.back();
    if (found != wanted && found != kUnknown) return mismatch(wanted, to_text(found));
    operands_.pop_back();
    return true;
}

bool FunctionValidator::pop_list(std::initializer_list<ValType> wanted) {
    for (auto type = wanted.end(); type != wanted.begin();)
        if (!pop(*--type)) return false;
    return true;
}

bool FunctionValidator::check_top(Types wanted) {
    const Frame& frame = frames_.back();
    const std::size_t have = std::min(operands_.size() - frame.height, wanted.size());
    if (have < wanted.size() && !frame.unreachable)
        return mismatch(wanted[wanted.size() - have - 1], "nothing");
    if (have == 0) return true;
    // One comparison of bytes in the usual case; one by one only where something is unknown.
    const ValType* found = operands_.data() + (operands_.size() - have);
    const ValType* needed = wanted.data() + (wanted.size() - have);
    if (std::memcmp(found, needed, have) == 0) return true;
    for (std::size_t at = have; at-- > 0;)
        if (found[at] != needed[at] && found[at] != kUnknown)
            return mismatch(needed[at], to_text(found[at]));
    return true;
}

bool FunctionValidator::pop_all(Types wanted) {
    if (!check_top(wanted)) return false;
    const std::size_t have = operands_.size() - frames_.back().height;
    operands_.resize(operands_.size() - std::min(have, wanted.size()));
    return true;
}

void FunctionValidator::set_unreachable() {
    Frame& frame = frames_.back();
    operands_.resize(frame.height);
    frame.unreachable = true;
}

bool FunctionValidator::push_frame(Opcode op, Types params, Types results, std::uint32_t label_id) {
    if (frames_.size() >= kNestingMax)
        return fail(ModuleRule::nesting_too_deep, "at most " + number(kNestingMax));
    Frame frame;
    frame.op = op;
    frame.height = static_cast<std::uint32_t>(operands_.size());
    frame.label_id = label_id;
    frame.params = params;
    frame.results = results;
    frames_.push_back(frame);
    return push_all(params);
}

bool FunctionValidator::frame_at(std::uint32_t label, const Frame*& out) {
    if (label >= frames_.size()) return fail(ModuleRule::unknown_label, number(label));
    out = &frames_[frames_.size() - 1 - label];
    return true;
}

bool FunctionValidator::local_type(std::uint32_t index, ValType& out) {
    if (index >= locals_.count()) return fail(ModuleRule::unknown_local, number(index));
    out = locals_.at(index);
    return true;
}

bool FunctionValidator::global_type(std::uint32_t index, GlobalType& out) {
    if (index >= module_.globals.size()) return fail(ModuleRule::unknown_global, number(index));
    out = module_.globals[index].type;
    return true;
}

bool FunctionValidator::table_type(std::uint32_t index, ValType& out) {
    if (index >= module_.tables.size()) return fail(ModuleRule::unknown_table, number(index));
    out = module_.tables[index].element;
    return true;
}

}  // namespace millrace::vm::detail
