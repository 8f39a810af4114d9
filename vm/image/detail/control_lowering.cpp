#include <algorithm>

#include "vm/image/detail/function_lowering.hpp"
#include "vm/image/gas.hpp"

/// Blocks, branches and returns.
namespace millrace::vm::detail {

void FunctionLowering::block_signature(const BlockType& type, Control& out) const {
    switch (type.kind) {
        case BlockType::Kind::empty:
            return;
        case BlockType::Kind::value:
            out.result_count = 1;
            return;
        case BlockType::Kind::type:
            out.param_count = module_.types[type.type_index].param_count;
            out.result_count = module_.types[type.type_index].result_count;
            return;
    }
}

void FunctionLowering::begin_control(Control::Kind kind, const BlockType& type) {
    Control control;
    control.kind = kind;
    block_signature(type, control);
    control.height = height() - control.param_count;
    // What lies below must be in its slot on every way to the block's end.
    flush();
    if (kind == Control::Kind::loop) {
        end_block();
        control.loop_head = code_.size();
        begin_head_block();
        spend(info(Opcode::loop).gas);
    }
    controls_.push_back(control);
}

void FunctionLowering::begin_if(const BlockType& type) {
    Control control;
    control.kind = Control::Kind::if_;
    block_signature(type, control);
    const Condition skip = pop_condition(false);
    control.height = height() - control.param_count;
    flush();
    end_block();
    control.if_path = path_;
    control.if_untested = untested_;
    control.else_site = emit_condition(skip);
    controls_.push_back(control);
}

void FunctionLowering::begin_else() {
    Control& control = controls_.back();
    if (reachable_) {
        flush();
        spend(info(Opcode::else_).gas);
        end_block();
        note_branch(control);
        emit(word::ax(ImageOp::br, 0, 0));
        link_branch(control, 2 * (code_.size() - 1) + 1);
    }
    code_.link(control.else_site, code_.size());
    control.else_site = kNoSite;
    control.kind = Control::Kind::else_;
    settle(control.height + control.param_count);
    path_ = control.if_path;
    untested_ = control.if_untested;
    reachable_ = true;
    begin_block_lazily();
}

void FunctionLowering::end() {
    if (controls_.size() == 1) {
        end_function();
        return;
    }
    const Control& control = controls_.back();
    const bool has_false_edge = control.kind == Control::Kind::if_;  // no else: it ends here, too
    const bool merges = control.end_reached || has_false_edge;
    if (merges) {
        if (reachable_) {
            flush();
            end_block();
        } else {
            path_ = 0;
            untested_ = 0;
        }
        if (control.end_reached) {
            path_ = std::max(path_, control.path);
            untested_ = std::max(untested_, control.untested);
        }
        if (has_false_edge) {
            path_ = std::max(path_, control.if_path);
            untested_ = std::max(untested_, control.if_untested);
            code_.link(control.else_site, code_.size());
        }
        code_.link_chain(control.forward, code_.size());
        reachable_ = true;
        settle(control.height + control.result_count);
        begin_block_lazily();
    } else if (!reachable_) {
        settle(control.height + control.result_count);
    }
    // Otherwise control only falls through: the same basic block goes on, operands as they are.
    controls_.pop_back();
}

void FunctionLowering::end_function() {
    const Control control = controls_.back();
    if (control.end_reached) {
        if (reachable_) {
            flush();
            end_block();
        } else {
            path_ = 0;
            untested_ = 0;
        }
        path_ = std::max(path_, control.path);
        untested_ = std::max(untested_, control.untested);
        code_.link_chain(control.forward, code_.size());
        settle(control.result_count);
        reachable_ = true;
        begin_block_lazily();
        test_when_due();
    }
    if (reachable_) function_return();
    controls_.pop_back();
}

void FunctionLowering::function_return() {
    spend(info(Opcode::return_).gas + move_gas(controls_.front()));
    emit_return();
    note_unreachable();
}

void FunctionLowering::emit_return() {
    if (result_count_ == 0) {
        emit(word::ax(ImageOp::ret, 0, 0));
        return;
    }
    if (result_count_ == 1) {
        const Pending* result = pending_at(height() - 1);
        if (result != nullptr && result->kind == Pending::Kind::constant) {
            put_constant(0, result->bits);
            emit(word::ax(ImageOp::ret, 0, 0));
            return;
        }
        const std::uint32_t slot = result != nullptr ? result->local : slot_of(height() - 1);
        emit(word::ax(ImageOp::ret_one, slot, 0));
        return;
    }
    // Results may name the very locals that they overwrite: first all to their own slots.
    flush_top(result_count_);
    const std::uint32_t first = slot_of(height() - result_count_);
    for (std::uint32_t i = 0; i < result_count_ && first != 0; ++i)
        emit(word::abc(ImageOp::copy, i, first + i, 0));
    emit(word::ax(ImageOp::ret, 0, 0));
}

bool FunctionLowering::needs_moves(const Control& to) const {
    if (to.kind == Control::Kind::function) return to.result_count != 0;
    const std::uint32_t arity = to.label_arity();
    return arity != 0 && height() - arity != to.height;
}

std::uint64_t FunctionLowering::move_gas(const Control& to) const {
    return needs_moves(to) ? std::uint64_t{to.label_arity()} * gas::kMovedValue : 0;
}

void FunctionLowering::note_branch(Control& to) {
    if (to.kind == Control::Kind::loop) return;
    to.end_reached = true;
    to.path = std::max(to.path, path_);
    to.untested = std::max(to.untested, untested_);
}

void FunctionLowering::link_branch(Control& to, HalfSite site) {
    if (to.kind == Control::Kind::loop)
        code_.link(site, to.loop_head);
    else
        code_.chain(to.forward, site);
}

void FunctionLowering::emit_jump(Control& to) {
    if (to.kind == Control::Kind::function) {
        emit_return();
        return;
    }
    const std::uint32_t arity = to.label_arity();
    const std::uint32_t from = height() - arity;
    if (from != to.height)
        for (std::uint32_t i = 0; i < arity; ++i)
            emit(word::abc(ImageOp::copy, slot_of(to.height + i), slot_of(from + i), 0));
    emit(word::ax(ImageOp::br, 0, 0));
    link_branch(to, 2 * (code_.size() - 1) + 1);
}

void FunctionLowering::branch(std::uint32_t depth) {
    Control& to = target(depth);
    if (to.kind == Control::Kind::function) {
        function_return();
        return;
    }
    spend(move_gas(to));
    flush_top(to.label_arity());
    // The label takes over what is charged up to here, this block included.
    end_block();
    note_branch(to);
    emit_jump(to);
    note_unreachable();
}

FunctionLowering::Condition FunctionLowering::pop_condition(bool when) {
    const std::uint32_t position = height() - 1;
    if (is_last_result(position)) {
        const std::uint64_t last = code_.at(last_result_);
        Condition out{ImageOp::invalid, word::b(last), word::c(last)};
        switch (static_cast<ImageOp>(word::op(last))) {
#define X(name, other)                                                        \
    case ImageOp::name:                                                       \
        out.op = when ? ImageOp::br_##name : ImageOp::br_##other;             \
        break;                                                                \
    case ImageOp::name##_imm:                                                 \
        out.op = when ? ImageOp::br_##name##_imm : ImageOp::br_##other##_imm; \
        break;
            MILLRACE_IMAGE_OPPOSITES(X)
#undef X
#define X(name)                                                      \
    case ImageOp::name:                                              \
        out.op = when ? ImageOp::br_##name : ImageOp::br_not_##name; \
        break;
            MILLRACE_IMAGE_FLOAT_COMPARE(X)
#undef X
            case ImageOp::i32_eqz:
                out = {when ? ImageOp::br_i32_eq_imm : ImageOp::br_i32_ne_imm, word::b(last), 0};
                break;
            case ImageOp::i64_eqz:
                out = {when ? ImageOp::br_i64_eq_imm : ImageOp::br_i64_ne_imm, word::b(last), 0};
                break;
            default:
                break;
        }
        // Not (float comparison): the eqz and the comparison before it become one branch.
        if (static_cast<ImageOp>(word::op(last)) == ImageOp::i32_eqz &&
            previous_result_ != kNowhere) {
            const std::uint64_t before = code_.at(previous_result_);
            const auto op = static_cast<ImageOp>(word::op(before));
            if (info(op).form == ImageForm::dst_a_b && word::a(before) == word::b(last) &&
                word::b(last) == slot_of(position)) {
                ImageOp fused = ImageOp::invalid;
                switch (op) {
#define X(name)                                                     \
    case ImageOp::name:                                             \
        fused = when ? ImageOp::br_not_##name : ImageOp::br_##name; \
        break;
                    MILLRACE_IMAGE_FLOAT_COMPARE(X)
#undef X
                    default:
                        break;
                }
                if (fused != ImageOp::invalid) {
                    code_.shrink(previous_result_);
                    bind_here();
                    pop();
                    return {fused, word::b(before), word::c(before)};
                }
            }
        }
        if (out.op != ImageOp::invalid) {
            code_.shrink(last_result_);
            bind_here();
            pop();
            return out;
        }
    }
    const std::uint32_t slot = pop_slot();
    return {when ? ImageOp::br_i32_ne_imm : ImageOp::br_i32_eq_imm, slot, 0};
}

HalfSite FunctionLowering::emit_condition(const Condition& condition) {
    emit(word::abc(condition.op, condition.a, condition.b, 0));
    const std::uint32_t link = code_.size();
    code_.put(0);
    bind_here();
    begin_block(2 * link + 1);
    return 2 * link;
}

void FunctionLowering::branch_if(std::uint32_t depth) {
    Control& to = target(depth);
    // Values stay where they are, or move in a stub that is jumped over otherwise.
    const std::uint32_t arity = to.label_arity();
    const bool is_return = to.kind == Control::Kind::function && to.result_count != 0;
    const bool moves = is_return || (arity != 0 && height() - 1 - arity != to.height);
    if (moves) spend(std::uint64_t{arity} * gas::kMovedValue + info(Opcode::br).gas);
    const Condition condition = pop_condition(!moves);
    flush_top(arity);
    end_block();
    if (!is_return) note_branch(to);
    const HalfSite site = emit_condition(condition);
    if (!moves) {
        link_branch(to, site);
        return;
    }
    emit_jump(to);
    code_.link(site, code_.size());
    begin_block_lazily();
}

void FunctionLowering::branch_table(const Instruction& in) {
    const std::uint32_t index = pop_slot();
    flush();
    table_order_.clear();
    table_sites_.resize(std::max(table_sites_.size(), controls_.size()), kNoSite);
    std::uint64_t most = 0;
    for (const std::uint32_t depth : in.labels) {
        const Control& to = target(depth);
        if (table_sites_[depth] == kNoSite) {
            table_sites_[depth] = kNoSite - 1;  // seen
            table_order_.push_back(depth);
        }
        most = std::max(most, move_gas(to));
    }
    for (const std::uint32_t depth : table_order_) table_sites_[depth] = kNoSite;
    spend(most + info(Opcode::br).gas);
    end_block();
    emit(word::ax(ImageOp::br_table, index, in.labels.size() - 1));
    const std::uint32_t first = code_.size();
    for (std::uint32_t i = 0; i < (in.labels.size() + 1) / 2; ++i) code_.put(0);
    HalfSite site = 2 * first;
    for (const std::uint32_t depth : in.labels) {
        Control& to = target(depth);
        if (needs_moves(to) || (to.kind == Control::Kind::function))
            code_.chain(table_sites_[depth], site);
        else
            link_branch(to, site);
        ++site;
    }
    // One stub for each distinct label that has values to move.
    for (const std::uint32_t depth : table_order_) {
        Control& to = target(depth);
        if (table_sites_[depth] != kNoSite) {
            code_.link_chain(table_sites_[depth], code_.size());
            table_sites_[depth] = kNoSite;
            bind_here();
            emit_jump(to);
            if (to.kind == Control::Kind::function) continue;
        }
        note_branch(to);
    }
    note_unreachable();
}

}  // namespace millrace::vm::detail
