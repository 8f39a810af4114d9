#include "vm/image/detail/function_lowering.hpp"

#include <algorithm>
#include <string>

#include "vm/image/gas.hpp"

namespace millrace::vm::detail {

namespace {
constexpr bool fits_immediate(std::int64_t value) {
    return value >= -32'768 && value <= 32'767;
}
constexpr std::int64_t signed_value(std::uint64_t bits, bool is_i32) {
    return is_i32 ? std::int64_t{static_cast<std::int32_t>(static_cast<std::uint32_t>(bits))}
                  : static_cast<std::int64_t>(bits);
}
}  // namespace

std::uint64_t FunctionLowering::gas_demand() {
    return gas::kUntestedMax;
}

// ---- operands ---------------------------------------------------------------------------------

void FunctionLowering::push_slots(std::uint32_t count) {
    height_ += count;
    height_max_ = std::max(height_max_, height_);
}

void FunctionLowering::push_pending(Pending pending) {
    if (pending_count_ == kPendingMax) {
        write_pending(pending_[0]);
        std::copy(pending_.begin() + 1, pending_.end(), pending_.begin());
        --pending_count_;
    }
    pending.position = height_;
    pending_[pending_count_++] = pending;
    push_slots(1);
}

void FunctionLowering::push_local(std::uint32_t local) {
    push_pending({0, Pending::Kind::local, local, 0});
}

void FunctionLowering::push_constant(std::uint64_t bits) {
    push_pending({0, Pending::Kind::constant, 0, bits});
}

const FunctionLowering::Pending* FunctionLowering::pending_at(std::uint32_t position) const {
    for (std::uint32_t i = pending_count_; i > 0 && pending_[i - 1].position >= position; --i)
        if (pending_[i - 1].position == position) return &pending_[i - 1];
    return nullptr;
}

const FunctionLowering::Pending* FunctionLowering::constant_at(std::uint32_t position) const {
    const Pending* found = pending_at(position);
    return found != nullptr && found->kind == Pending::Kind::constant ? found : nullptr;
}

void FunctionLowering::pop() {
    --height_;
    if (pending_count_ != 0 && pending_[pending_count_ - 1].position == height_) --pending_count_;
}

std::uint32_t FunctionLowering::pop_slot() {
    std::uint32_t slot = slot_of(height_ - 1);
    if (const Pending* top = pending_at(height_ - 1)) {
        if (top->kind == Pending::Kind::local)
            slot = top->local;
        else
            write_pending(*top);
    }
    pop();
    return slot;
}

void FunctionLowering::write_pending(const Pending& pending) {
    const std::uint32_t slot = slot_of(pending.position);
    if (pending.kind == Pending::Kind::local)
        emit(word::abc(ImageOp::copy, slot, pending.local, 0));
    else
        put_constant(slot, pending.bits);
}

void FunctionLowering::put_constant(std::uint32_t slot, std::uint64_t bits) {
    if (bits <= 0xffff'ffff) {
        emit(word::ax(ImageOp::const_u32, slot, static_cast<std::uint32_t>(bits)));
    } else if (bits >= 0xffff'ffff'8000'0000) {
        emit(word::ax(ImageOp::const_s32, slot, static_cast<std::uint32_t>(bits)));
    } else {
        emit(word::ax(ImageOp::const_64, slot, 0));
        emit(bits);
    }
}

void FunctionLowering::flush() {
    for (std::uint32_t i = 0; i < pending_count_; ++i) write_pending(pending_[i]);
    pending_count_ = 0;
}

void FunctionLowering::flush_local(std::uint32_t local, std::uint32_t end) {
    std::uint32_t kept = 0;
    for (std::uint32_t i = 0; i < pending_count_; ++i) {
        const Pending& pending = pending_[i];
        if (pending.position < end && pending.kind == Pending::Kind::local &&
            pending.local == local)
            write_pending(pending);
        else
            pending_[kept++] = pending;
    }
    pending_count_ = kept;
}

void FunctionLowering::flush_top(std::uint32_t count) {
    const std::uint32_t first = height_ - count;
    std::uint32_t kept = 0;
    while (kept < pending_count_ && pending_[kept].position < first) ++kept;
    for (std::uint32_t i = kept; i < pending_count_; ++i) write_pending(pending_[i]);
    pending_count_ = kept;
}

void FunctionLowering::drop_to(std::uint32_t new_height) {
    height_ = new_height;
    while (pending_count_ != 0 && pending_[pending_count_ - 1].position >= new_height)
        --pending_count_;
}

void FunctionLowering::settle(std::uint32_t new_height) {
    pending_count_ = 0;
    height_ = new_height;
    height_max_ = std::max(height_max_, new_height);
}

// ---- code -------------------------------------------------------------------------------------

void FunctionLowering::emit(std::uint64_t word) {
    ensure_charge_word();
    code_.put(word);
}

void FunctionLowering::note_result(std::uint32_t at) {
    previous_result_ = last_end_ == at ? last_result_ : kNowhere;
    last_result_ = at;
    last_end_ = code_.size();
}

void FunctionLowering::emit_result(ImageOp op, std::uint32_t b, std::uint32_t c) {
    ensure_charge_word();
    const std::uint32_t at = code_.size();
    emit(word::abc(op, slot_of(height()), b, c));
    note_result(at);
    push_slots(1);
}

void FunctionLowering::emit_result_x(ImageOp op, std::uint32_t x) {
    ensure_charge_word();
    const std::uint32_t at = code_.size();
    emit(word::ax(op, slot_of(height()), x));
    note_result(at);
    push_slots(1);
}

void FunctionLowering::emit_result_extended(ImageOp op, std::uint32_t b, std::uint32_t c,
                                            std::uint64_t extension) {
    ensure_charge_word();
    const std::uint32_t at = code_.size();
    emit(word::abc(op, slot_of(height()), b, c));
    emit(extension);
    note_result(at);
    push_slots(1);
}

bool FunctionLowering::is_last_result(std::uint32_t position) const {
    return last_end_ == code_.size() && !code_.overflowed() && pending_at(position) == nullptr &&
           word::a(code_.at(last_result_)) == slot_of(position);
}

void FunctionLowering::bind_here() {
    last_end_ = kNowhere;
    last_result_ = kNowhere;
    previous_result_ = kNowhere;
}

// ---- basic blocks and gas ---------------------------------------------------------------------

void FunctionLowering::spend(std::uint64_t cost) {
    block_gas_ += cost;
    path_ += cost;
    if (path_ > gas::kAcyclicPathMax) path_too_long_ = true;
}

void FunctionLowering::ensure_charge_word() {
    if (charge_site_ != kNoSite) return;
    charge_site_ = 2 * code_.size() + 1;
    code_.put(word::ax(ImageOp::charge, 0, 0));
}

void FunctionLowering::end_block() {
    if (block_gas_ != 0) {
        ensure_charge_word();
        code_.set_half(charge_site_, static_cast<std::uint32_t>(block_gas_));
    }
    untested_ += block_gas_;
    block_gas_ = 0;
}

void FunctionLowering::begin_block(HalfSite site) {
    charge_site_ = site;
    block_gas_ = 0;
}

void FunctionLowering::begin_block_lazily() {
    bind_here();
    begin_block(kNoSite);
}

void FunctionLowering::begin_head_block() {
    bind_here();
    const std::uint32_t at = code_.size();
    code_.put(word::ax(ImageOp::head, locals_ + height(), 0));
    begin_block(2 * at + 1);
    untested_ = 0;
}

void FunctionLowering::test_when_due() {
    if (untested_ + block_gas_ < gas::kUntestedMax) return;
    flush();
    end_block();
    begin_head_block();
}

void FunctionLowering::note_unreachable() {
    end_block();
    reachable_ = false;
}

// ---- functions --------------------------------------------------------------------------------

Result<FunctionRecord, ImageError> FunctionLowering::lower(std::uint32_t function) {
    const FuncType& type = module_.function_type(function);
    std::uint64_t locals = type.param_count;
    const FunctionBody body = module_.body(function);
    LocalReader declared(module_.bytes(body), body.offset);
    for (LocalRun run; declared.next(run);) locals += run.count;
    locals_ = static_cast<std::uint32_t>(locals);
    result_count_ = type.result_count;
    height_ = 0;
    controls_.clear();
    pending_count_ = 0;
    height_max_ = 0;
    reachable_ = true;
    skipped_ = 0;
    path_ = 0;
    untested_ = 0;
    path_too_long_ = false;

    FunctionRecord out;
    out.entry = code_.size();
    out.param_count = type.param_count;
    out.result_count = type.result_count;
    out.local_count = locals_;
    if (locals_ > type.param_count)
        code_.put(word::ax(ImageOp::zero_locals, type.param_count, locals_ - type.param_count));
    begin_head_block();
    Control outer;
    outer.kind = Control::Kind::function;
    outer.result_count = type.result_count;
    controls_.push_back(outer);

    InstructionReader reader = InstructionReader::of_function(module_, function);
    for (Instruction in; reader.next(in) && !controls_.empty();) instruction(in);
    MILLRACE_ASSERT(!reader.failed() && controls_.empty());

    const std::uint64_t slots = std::max<std::uint64_t>(locals + height_max_, result_count_);
    if (slots > kFrameSlotsMax)
        return Err{
            ImageError{ImageRefusal::too_many_slots, "function " + std::to_string(function)}};
    if (path_too_long_)
        return Err{ImageError{ImageRefusal::path_too_long, "function " + std::to_string(function)}};
    if (code_.overflowed())
        return Err{ImageError{ImageRefusal::image_too_large,
                              "code up to function " + std::to_string(function)}};
    out.frame_slots = static_cast<std::uint32_t>(slots);
    return out;
}

FunctionRecord FunctionLowering::lower_import(std::uint32_t function) {
    const FuncType& type = module_.function_type(function);
    FunctionRecord out;
    out.entry = code_.size();
    out.param_count = type.param_count;
    out.result_count = type.result_count;
    out.local_count = type.param_count;
    out.frame_slots = std::max<std::uint32_t>({type.param_count, type.result_count, 1});
    code_.put(word::ax(ImageOp::head, type.param_count, info(Opcode::return_).gas));
    code_.put(word::ax(ImageOp::host, 0, options_.host_numbers[function]));
    code_.put(word::ax(ImageOp::head, type.result_count, 0));
    code_.put(word::ax(ImageOp::ret, 0, 0));
    return out;
}

// ---- instructions -----------------------------------------------------------------------------

void FunctionLowering::binary(ImageOp op, ImageOp with_immediate,
                              std::optional<ImageOp> swapped_immediate, bool is_i32) {
    if (const Pending* right = constant_at(height() - 1)) {
        const std::int64_t value = signed_value(right->bits, is_i32);
        if (fits_immediate(value)) {
            pop();
            const std::uint32_t a = pop_slot();
            emit_result(with_immediate, a, static_cast<std::uint32_t>(value));
            return;
        }
    }
    if (const Pending* left = constant_at(height() - 2); left != nullptr && swapped_immediate) {
        const std::int64_t value = signed_value(left->bits, is_i32);
        if (fits_immediate(value)) {
            const std::uint32_t b = pop_slot();
            pop();
            emit_result(*swapped_immediate, b, static_cast<std::uint32_t>(value));
            return;
        }
    }
    const std::uint32_t b = pop_slot();
    const std::uint32_t a = pop_slot();
    emit_result(op, a, b);
}

void FunctionLowering::load(ImageOp op, std::uint32_t offset) {
    const ImageOp wide = static_cast<ImageOp>(static_cast<unsigned>(op) + 1);
    const ImageOp absolute = static_cast<ImageOp>(static_cast<unsigned>(op) + 2);
    if (const Pending* address = constant_at(height() - 1);
        address != nullptr && address->bits + offset <= 0xffff'ffff) {
        const auto at = static_cast<std::uint32_t>(address->bits + offset);
        pop();
        emit_result_x(absolute, at);
        return;
    }
    const std::uint32_t b = pop_slot();
    if (offset <= 0xffff)
        emit_result(op, b, offset);
    else
        emit_result_extended(wide, b, 0, offset);
}

void FunctionLowering::store(ImageOp op, std::uint32_t offset) {
    const ImageOp wide = static_cast<ImageOp>(static_cast<unsigned>(op) + 1);
    const ImageOp absolute = static_cast<ImageOp>(static_cast<unsigned>(op) + 2);
    const std::uint32_t value = pop_slot();
    if (const Pending* address = constant_at(height() - 1);
        address != nullptr && address->bits + offset <= 0xffff'ffff) {
        const auto at = static_cast<std::uint32_t>(address->bits + offset);
        pop();
        emit(word::ax(absolute, value, at));
        return;
    }
    const std::uint32_t b = pop_slot();
    emit(word::abc(offset <= 0xffff ? op : wide, value, b, offset <= 0xffff ? offset : 0));
    if (offset > 0xffff) emit(offset);
}

bool FunctionLowering::write_local(std::uint32_t local) {
    const std::uint32_t position = height() - 1;
    std::optional<Pending> top;
    if (const Pending* found = pending_at(position)) top = *found;
    if (top && top->kind == Pending::Kind::local && top->local == local) return false;
    // Aliases below keep the old value; the top one is about to be the new.
    flush_local(local, position);
    if (is_last_result(position)) {
        std::uint64_t& instruction = code_.at(last_result_);
        instruction = (instruction & ~(std::uint64_t{0xffff} << 16)) | (std::uint64_t{local} << 16);
        last_end_ = kNowhere;
        return true;
    }
    if (top && top->kind == Pending::Kind::constant)
        put_constant(local, top->bits);
    else
        emit(word::abc(ImageOp::copy, local, top ? top->local : slot_of(position), 0));
    return false;
}

void FunctionLowering::local_set(std::uint32_t local) {
    write_local(local);
    pop();
}

void FunctionLowering::local_tee(std::uint32_t local) {
    if (!write_local(local)) return;
    pop();
    push_local(local);
}

void FunctionLowering::select() {
    const std::uint32_t condition = pop_slot();
    const std::uint32_t second = pop_slot();
    const std::uint32_t first = pop_slot();
    emit_result_extended(ImageOp::select, first, second, condition);
}

void FunctionLowering::three_operands(ImageOp op, std::optional<std::uint64_t> extension) {
    const std::uint32_t c = pop_slot();
    const std::uint32_t b = pop_slot();
    const std::uint32_t a = pop_slot();
    emit(word::abc(op, a, b, c));
    if (extension) emit(*extension);
    demand_test();
}

void FunctionLowering::host_call(std::uint32_t function) {
    const FuncType& type = module_.function_type(function);
    flush();
    const std::uint32_t base = height() - type.param_count;
    emit(word::ax(ImageOp::host, slot_of(base), options_.host_numbers[function]));
    drop_to(base);
    // Even a call without parameters or result is given one slot for its errno.
    height_max_ = std::max(height_max_, base + 1);
    push_slots(type.result_count);
    demand_test();
}

void FunctionLowering::call(std::uint32_t function) {
    if (module_.is_imported_function(function)) {
        host_call(function);
        return;
    }
    const FuncType& type = module_.function_type(function);
    flush();
    const std::uint32_t base = height() - type.param_count;
    emit(word::ax(ImageOp::call, slot_of(base), function));
    emit(0);  // entry and frame, once all functions are lowered
    drop_to(base);
    push_slots(type.result_count);
    note_call(type);
}

void FunctionLowering::call_indirect(std::uint32_t type_index, std::uint32_t table) {
    const FuncType& type = module_.types[type_index];
    const std::uint32_t element = pop_slot();
    flush();
    const std::uint32_t base = height() - type.param_count;
    emit(word::abc(ImageOp::call_indirect, slot_of(base), element, 0));
    emit(word::halves(module_.canonical_types[type_index], table));
    drop_to(base);
    push_slots(type.result_count);
    note_call(type);
}

void FunctionLowering::note_call(const FuncType& callee) {
    // The callee's entry is a test, but its return charges each result, untested: 65,536 frames
    // that hand on a thousand results would charge far beyond what a segment's range allows for.
    untested_ = callee.result_count >= gas::kUntestedMax ? gas::kUntestedMax : 0;
}

void FunctionLowering::instruction(const Instruction& in) {
    if (!reachable_) {
        // Code that nothing reaches costs and becomes nothing.
        switch (in.op) {
            case Opcode::block:
            case Opcode::loop:
            case Opcode::if_:
                ++skipped_;
                return;
            case Opcode::else_:
                if (skipped_ == 0) begin_else();
                return;
            case Opcode::end:
                if (skipped_ == 0)
                    end();
                else
                    --skipped_;
                return;
            default:
                return;
        }
    }
    if (in.op != Opcode::loop) test_when_due();
    // A loop's own cost belongs to the block that its head begins.
    if (in.op != Opcode::loop && in.op != Opcode::else_) spend(info(in.op).gas);
    // clang-format off
    switch (in.op) {
#define X(name)                                                                    \
    case Opcode::name:                                                             \
        binary(ImageOp::name, ImageOp::name##_imm, std::nullopt, #name[1] == '3'); \
        return;
        X(i32_sub) X(i32_shl) X(i32_shr_s) X(i32_shr_u) X(i32_rotl) X(i32_rotr)
        X(i64_sub) X(i64_shl) X(i64_shr_s) X(i64_shr_u) X(i64_rotl) X(i64_rotr)
        MILLRACE_IMAGE_INT_DIVIDE(X)
#undef X
#define X(name, swapped)                                                                     \
    case Opcode::name:                                                                       \
        binary(ImageOp::name, ImageOp::name##_imm, ImageOp::swapped##_imm, #name[1] == '3'); \
        return;
        X(i32_add, i32_add) X(i32_mul, i32_mul) X(i32_and, i32_and) X(i32_or, i32_or)
        X(i32_xor, i32_xor) X(i32_eq, i32_eq) X(i32_ne, i32_ne)
        X(i32_lt_s, i32_gt_s) X(i32_lt_u, i32_gt_u) X(i32_gt_s, i32_lt_s) X(i32_gt_u, i32_lt_u)
        X(i32_le_s, i32_ge_s) X(i32_le_u, i32_ge_u) X(i32_ge_s, i32_le_s) X(i32_ge_u, i32_le_u)
        X(i64_add, i64_add) X(i64_mul, i64_mul) X(i64_and, i64_and) X(i64_or, i64_or)
        X(i64_xor, i64_xor) X(i64_eq, i64_eq) X(i64_ne, i64_ne)
        X(i64_lt_s, i64_gt_s) X(i64_lt_u, i64_gt_u) X(i64_gt_s, i64_lt_s) X(i64_gt_u, i64_lt_u)
        X(i64_le_s, i64_ge_s) X(i64_le_u, i64_ge_u) X(i64_ge_s, i64_le_s) X(i64_ge_u, i64_le_u)
#undef X
#define X(name)                             \
    case Opcode::name: {                    \
        const std::uint32_t b = pop_slot(); \
        const std::uint32_t a = pop_slot(); \
        emit_result(ImageOp::name, a, b);   \
        return;                             \
    }
        MILLRACE_IMAGE_FLOAT_BINARY(X)
        MILLRACE_IMAGE_FLOAT_COMPARE(X)
#undef X
#define X(name)                             \
    case Opcode::name: {                    \
        const std::uint32_t a = pop_slot(); \
        emit_result(ImageOp::name, a, 0);   \
        return;                             \
    }
        X(i32_clz) X(i32_ctz) X(i32_popcnt) X(i64_clz) X(i64_ctz) X(i64_popcnt)
        X(f32_abs) X(f32_neg) X(f32_ceil) X(f32_floor) X(f32_trunc) X(f32_nearest) X(f32_sqrt)
        X(f64_abs) X(f64_neg) X(f64_ceil) X(f64_floor) X(f64_trunc) X(f64_nearest) X(f64_sqrt)
        X(i32_wrap_i64) X(i64_extend_i32_s)
        X(f32_convert_i32_s) X(f32_convert_i32_u) X(f32_convert_i64_s) X(f32_convert_i64_u)
        X(f32_demote_f64)
        X(f64_convert_i32_s) X(f64_convert_i32_u) X(f64_convert_i64_s) X(f64_convert_i64_u)
        X(f64_promote_f32)
        X(i32_extend8_s) X(i32_extend16_s) X(i64_extend8_s) X(i64_extend16_s) X(i64_extend32_s)
        X(i32_trunc_sat_f32_s) X(i32_trunc_sat_f32_u) X(i32_trunc_sat_f64_s)
        X(i32_trunc_sat_f64_u) X(i64_trunc_sat_f32_s) X(i64_trunc_sat_f32_u)
        X(i64_trunc_sat_f64_s) X(i64_trunc_sat_f64_u)
        MILLRACE_IMAGE_UNARY_TRAP(X)
#undef X
#define X(name, image)                   \
    case Opcode::name:                   \
        load(ImageOp::image, in.second); \
        return;
        X(i32_load, load32_u) X(i64_load, load64) X(f32_load, load32_u) X(f64_load, load64)
        X(i32_load8_s, i32_load8_s) X(i32_load8_u, load8_u) X(i32_load16_s, i32_load16_s)
        X(i32_load16_u, load16_u) X(i64_load8_s, i64_load8_s) X(i64_load8_u, load8_u)
        X(i64_load16_s, i64_load16_s) X(i64_load16_u, load16_u) X(i64_load32_s, i64_load32_s)
        X(i64_load32_u, load32_u)
#undef X
#define X(name, image)                    \
    case Opcode::name:                    \
        store(ImageOp::image, in.second); \
        return;
        X(i32_store, store32) X(i64_store, store64) X(f32_store, store32) X(f64_store, store64)
        X(i32_store8, store8) X(i32_store16, store16) X(i64_store8, store8)
        X(i64_store16, store16) X(i64_store32, store32)
#undef X
        case Opcode::i32_eqz:
            eqz(ImageOp::i32_eqz);
            return;
        case Opcode::i64_eqz:
            eqz(ImageOp::i64_eqz);
            return;
        default:
            special(in);
            return;
    }
    // clang-format on
}

void FunctionLowering::eqz(ImageOp op) {
    // The opposite of a comparison of integers is a comparison.
    if (op == ImageOp::i32_eqz && is_last_result(height() - 1)) {
        std::uint64_t& last = code_.at(last_result_);
        const auto made = static_cast<ImageOp>(word::op(last));
        std::optional<ImageOp> opposite;
        switch (made) {
#define X(name, other)                   \
    case ImageOp::name:                  \
        opposite = ImageOp::other;       \
        break;                           \
    case ImageOp::name##_imm:            \
        opposite = ImageOp::other##_imm; \
        break;
            MILLRACE_IMAGE_OPPOSITES(X)
#undef X
            default:
                break;
        }
        if (opposite) {
            last = (last & ~std::uint64_t{0xffff}) | static_cast<std::uint64_t>(*opposite);
            return;
        }
    }
    const std::uint32_t a = pop_slot();
    emit_result(op, a, 0);
}

void FunctionLowering::special(const Instruction& in) {
    switch (in.op) {
        case Opcode::unreachable:
            emit(word::ax(ImageOp::unreachable, 0, 0));
            note_unreachable();
            return;
        case Opcode::nop:
            return;
        // Bits stay as they are: floats are bits in slots, and an i32's slot is zero-extended.
        case Opcode::i32_reinterpret_f32:
        case Opcode::i64_reinterpret_f64:
        case Opcode::f32_reinterpret_i32:
        case Opcode::f64_reinterpret_i64:
        case Opcode::i64_extend_i32_u:
            return;
        case Opcode::block:
            begin_control(Control::Kind::block, in.block);
            return;
        case Opcode::loop:
            begin_control(Control::Kind::loop, in.block);
            return;
        case Opcode::if_:
            begin_if(in.block);
            return;
        case Opcode::else_:
            begin_else();
            return;
        case Opcode::end:
            end();
            return;
        case Opcode::br:
            branch(in.index);
            return;
        case Opcode::br_if:
            branch_if(in.index);
            return;
        case Opcode::br_table:
            branch_table(in);
            return;
        case Opcode::return_:
            function_return();
            return;
        case Opcode::call:
            call(in.index);
            return;
        case Opcode::call_indirect:
            call_indirect(in.index, in.second);
            return;
        case Opcode::drop:
            pop();
            return;
        case Opcode::select:
        case Opcode::select_t:
            select();
            return;
        case Opcode::local_get:
            push_local(in.index);
            return;
        case Opcode::local_set:
            local_set(in.index);
            return;
        case Opcode::local_tee:
            local_tee(in.index);
            return;
        case Opcode::global_get:
            emit_result_x(ImageOp::global_get, in.index);
            return;
        case Opcode::global_set: {
            const std::uint32_t a = pop_slot();
            emit(word::ax(ImageOp::global_set, a, in.index));
            return;
        }
        case Opcode::i32_const:
        case Opcode::i64_const:
        case Opcode::f32_const:
        case Opcode::f64_const:
            push_constant(in.bits);
            return;
        case Opcode::ref_null:
            push_constant(0);
            return;
        case Opcode::ref_func:
            push_constant(options_.function_reference_base + in.index + std::uint64_t{1});
            return;
        case Opcode::ref_is_null:
            eqz(ImageOp::i64_eqz);
            return;
        case Opcode::memory_size:
            emit_result_x(ImageOp::memory_size, 0);
            return;
        case Opcode::memory_grow: {
            const std::uint32_t a = pop_slot();
            emit_result(ImageOp::memory_grow, a, 0);
            demand_test();
            return;
        }
        case Opcode::memory_fill:
            three_operands(ImageOp::memory_fill, std::nullopt);
            return;
        case Opcode::memory_copy:
            three_operands(ImageOp::memory_copy, std::nullopt);
            return;
        case Opcode::memory_init:
            three_operands(ImageOp::memory_init, in.index);
            return;
        case Opcode::data_drop:
            emit(word::ax(ImageOp::data_drop, 0, in.index));
            return;
        case Opcode::elem_drop:
            emit(word::ax(ImageOp::elem_drop, 0, in.index));
            return;
        case Opcode::table_get: {
            const std::uint32_t element = pop_slot();
            emit_result(ImageOp::table_get, element, in.index);
            return;
        }
        case Opcode::table_set: {
            const std::uint32_t value = pop_slot();
            const std::uint32_t element = pop_slot();
            emit(word::abc(ImageOp::table_set, element, value, in.index));
            return;
        }
        case Opcode::table_size:
            emit_result_x(ImageOp::table_size, in.index);
            return;
        case Opcode::table_grow: {
            const std::uint32_t delta = pop_slot();
            const std::uint32_t value = pop_slot();
            emit_result_extended(ImageOp::table_grow, value, delta, in.index);
            demand_test();
            return;
        }
        case Opcode::table_fill:
            three_operands(ImageOp::table_fill, in.index);
            return;
        case Opcode::table_copy:
            three_operands(ImageOp::table_copy, word::halves(in.index, in.second));
            return;
        case Opcode::table_init:
            three_operands(ImageOp::table_init, word::halves(in.second, in.index));
            return;
        default:
            MILLRACE_ASSERT(false);  // the table's other rows have their cases above
    }
}

}  // namespace millrace::vm::detail
