#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <vector>

#include "vm/image/detail/code_writer.hpp"
#include "vm/image/lower.hpp"
#include "vm/module/module.hpp"
#include "vm/module/opcodes.hpp"
#include "vm/module/reader.hpp"

namespace millrace::vm::detail {

/// Lowers one function after another into one `CodeWriter`; the scratch memory is kept between
/// them. What is meant by block, site, pending and alias is told at the members.
class FunctionLowering {
  public:
    FunctionLowering(const Module& module, const LowerOptions& options, CodeWriter& code)
        : module_(module), options_(options), code_(code) {}

    /// Appends the code of a defined function.
    [[nodiscard]] Result<FunctionRecord, ImageError> lower(std::uint32_t function);
    /// Appends what stands for an imported function when it is called through a table.
    [[nodiscard]] FunctionRecord lower_import(std::uint32_t function);

  private:
    /// An operand that is not in its slot.
    struct Pending {
        enum class Kind : std::uint8_t {
            local,  ///< the value of a local that has not been set since
            constant,
        };
        std::uint32_t position = 0;
        Kind kind = Kind::constant;
        std::uint32_t local = 0;
        std::uint64_t bits = 0;
    };
    struct Control {
        enum class Kind : std::uint8_t { function, block, loop, if_, else_ };
        Kind kind = Kind::block;
        std::uint32_t height = 0;  ///< operands below the block's parameters
        std::uint32_t param_count = 0;
        std::uint32_t result_count = 0;
        std::uint32_t loop_head = 0;   ///< of a loop: where a branch goes
        HalfSite forward = kNoSite;    ///< others: branches that wait for the end
        HalfSite else_site = kNoSite;  ///< of an if: the branch taken when the condition is zero
        bool end_reached = false;      ///< some branch goes to the end
        std::uint64_t path = 0;        ///< longest gas over those branches
        std::uint64_t untested = 0;
        std::uint64_t if_path = 0;  ///< at the condition, for the else branch
        std::uint64_t if_untested = 0;

        [[nodiscard]] std::uint32_t label_arity() const {
            return kind == Kind::loop ? param_count : result_count;
        }
    };

    // ---- operands
    [[nodiscard]] std::uint32_t height() const { return height_; }
    [[nodiscard]] std::uint32_t slot_of(std::uint32_t position) const { return locals_ + position; }
    /// Operands in their slots; costs the same however many.
    void push_slots(std::uint32_t count);
    void push_local(std::uint32_t local);
    void push_constant(std::uint64_t bits);
    /// What is pending at one of the uppermost positions; none when it is in its slot.
    [[nodiscard]] const Pending* pending_at(std::uint32_t position) const;
    [[nodiscard]] const Pending* constant_at(std::uint32_t position) const;
    /// Forgets the top operand, which must not be read any more.
    void pop();
    /// The slot in which the top operand can be read; a constant is put into its own first. Pops.
    std::uint32_t pop_slot();
    /// Writes a pending operand into its own slot; the caller takes it off the list.
    void write_pending(const Pending& pending);
    void push_pending(Pending pending);
    /// Puts everything pending into slots.
    void flush();
    /// The same for aliases of one local that is about to change, below `end`.
    void flush_local(std::uint32_t local, std::uint32_t end);
    void drop_to(std::uint32_t new_height);
    /// Makes the stack `new_height` operands high, all in their slots; what is pending is no longer
    /// reached.
    void settle(std::uint32_t new_height);
    void put_constant(std::uint32_t slot, std::uint64_t bits);

    // ---- code
    void emit(std::uint64_t word);
    /// An instruction whose field a names its only result, the new top operand.
    void emit_result(ImageOp op, std::uint32_t b, std::uint32_t c);
    void emit_result_x(ImageOp op, std::uint32_t x);
    void emit_result_extended(ImageOp op, std::uint32_t b, std::uint32_t c,
                              std::uint64_t extension);
    void note_result(std::uint32_t at);
    /// Whether the last instruction wrote the operand at `position`, with nothing after it.
    [[nodiscard]] bool is_last_result(std::uint32_t position) const;
    /// After this no instruction before it is touched any more: a label stands here.
    void bind_here();

    // ---- basic blocks and gas
    void spend(std::uint64_t cost);
    void end_block();
    /// A block whose charge goes into an existing half word.
    void begin_block(HalfSite site);
    /// A block whose charge word is only written when it needs one.
    void begin_block_lazily();
    void begin_head_block();
    void ensure_charge_word();
    /// Between instructions: a test of the threshold where too much has gone untested.
    void test_when_due();
    /// What went untested when a function of this type has returned.
    void note_call(const FuncType& callee);
    void demand_test() { untested_ = gas_demand(); }
    [[nodiscard]] static std::uint64_t gas_demand();
    void note_unreachable();

    // ---- instructions
    void instruction(const Instruction& in);
    void special(const Instruction& in);
    void binary(ImageOp op, ImageOp with_immediate, std::optional<ImageOp> swapped_immediate,
                bool is_i32);
    void eqz(ImageOp op);
    void load(ImageOp op, std::uint32_t offset);
    void store(ImageOp op, std::uint32_t offset);
    void local_set(std::uint32_t local);
    void local_tee(std::uint32_t local);
    /// Ends with the value in the local; true when the operand's own slot was passed over.
    bool write_local(std::uint32_t local);
    void select();
    void three_operands(ImageOp op, std::optional<std::uint64_t> extension);
    void call(std::uint32_t function);
    void call_indirect(std::uint32_t type, std::uint32_t table);
    void host_call(std::uint32_t function);
    void begin_control(Control::Kind kind, const BlockType& type);
    void begin_if(const BlockType& type);
    void begin_else();
    void end();
    void end_function();
    void branch(std::uint32_t depth);
    void branch_if(std::uint32_t depth);
    void branch_table(const Instruction& in);
    void function_return();

    // ---- branches
    struct Condition {
        ImageOp op;
        std::uint32_t a;
        std::uint32_t b;
    };
    /// Pops the condition; takes the comparison that made it out of the code when it is the last
    /// instruction. `when` false gives the opposite branch.
    Condition pop_condition(bool when);
    /// Writes the branch and begins the block after it; returns the site of its distance.
    HalfSite emit_condition(const Condition& condition);
    [[nodiscard]] Control& target(std::uint32_t depth) {
        return controls_[controls_.size() - 1 - depth];
    }
    [[nodiscard]] bool needs_moves(const Control& to) const;
    /// Gas of the values that a branch moves.
    [[nodiscard]] std::uint64_t move_gas(const Control& to) const;
    void note_branch(Control& to);
    void link_branch(Control& to, HalfSite site);
    /// Moves the label's values and jumps; the stack's description stays.
    void emit_jump(Control& to);
    void emit_return();
    void flush_top(std::uint32_t count);
    void block_signature(const BlockType& type, Control& out) const;

    const Module& module_;
    const LowerOptions& options_;
    CodeWriter& code_;

    std::uint32_t locals_ = 0;
    std::uint32_t result_count_ = 0;
    std::uint32_t height_max_ = 0;
    /// Of the operand stack only the height is kept, and the operands that are not in their slots,
    /// by ascending position: few, so that looking through them costs a constant.
    std::uint32_t height_ = 0;
    static constexpr std::uint32_t kPendingMax = 32;
    std::array<Pending, kPendingMax> pending_{};
    std::uint32_t pending_count_ = 0;

    std::vector<Control> controls_;
    bool reachable_ = true;
    std::uint32_t skipped_ = 0;  ///< blocks opened inside code that is never reached

    /// Where the current block's charge goes; none before its first word.
    HalfSite charge_site_ = kNoSite;
    std::uint64_t block_gas_ = 0;
    std::uint64_t path_ = 0;      ///< longest gas from the entry to here
    std::uint64_t untested_ = 0;  ///< longest gas charged since a test, without this block's
    bool path_too_long_ = false;

    static constexpr std::uint32_t kNowhere = 0xffff'ffff;
    std::uint32_t last_result_ = kNowhere;      ///< first word of the last instruction
    std::uint32_t last_end_ = kNowhere;         ///< the code's size after it
    std::uint32_t previous_result_ = kNowhere;  ///< of the one right before it

    /// br_table: chain of sites by label depth, and the order in which labels occur.
    std::vector<HalfSite> table_sites_;
    std::vector<std::uint32_t> table_order_;
};

}  // namespace millrace::vm::detail
