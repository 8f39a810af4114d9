#pragma once

#include <cstdint>
#include <initializer_list>
#include <span>
#include <string>
#include <vector>

#include "vm/module/module.hpp"
#include "vm/module/reader.hpp"

namespace millrace::vm::detail {

/// What bodies may refer to beyond the module's tables, gathered once.
struct ModuleContext {
    const Module& module;
    /// Functions that occur outside of bodies: only their references may be taken inside.
    std::vector<bool> declared_functions;
};

/// Types of a function's locals, parameters first. A declaration of 50,000 locals takes six bytes,
/// and a module may have a million functions: so runs are kept as runs, and only as many locals are
/// laid out as the body is long.
class LocalTypes {
  public:
    void reset(std::span<const ValType> params, std::uint32_t laid_out_max);
    void add(const LocalRun& run);
    [[nodiscard]] std::uint32_t count() const { return count_; }
    [[nodiscard]] ValType at(std::uint32_t local) const;

  private:
    struct Run {
        std::uint32_t end;
        ValType type;
    };
    std::uint32_t count_ = 0;
    std::uint32_t laid_out_max_ = 0;
    std::vector<ValType> laid_out_;
    std::vector<Run> runs_;
};

/// The specification's validation algorithm over one body at a time, with own stacks that keep
/// their memory from body to body.
///
/// Time is linear: every step costs at most a constant, or one comparison of adjacent bytes (types
/// of a block against the operand stack), and a br_table checks each different label type once.
class FunctionValidator {
  public:
    explicit FunctionValidator(const ModuleContext& context);

    /// False when the body breaks a rule; then `error()` says which.
    [[nodiscard]] bool check(std::uint32_t function);
    [[nodiscard]] const ModuleError& error() const { return error_; }

  private:
    /// Zero stands for the unknown type of an operand in code that is never reached.
    static constexpr ValType kUnknown{};

    using Types = std::span<const ValType>;
    struct Frame {
        Opcode op = Opcode::block;
        bool unreachable = false;
        std::uint32_t height = 0;
        std::uint32_t label_id = 0;  ///< equal for equal label types
        Types params;
        Types results;
        [[nodiscard]] Types label_types() const { return op == Opcode::loop ? params : results; }
    };

    bool read_locals(std::uint32_t function, std::uint32_t& code_offset);
    bool step(const Instruction& i);
    bool step_fixed(const Instruction& i, const OpcodeInfo& row);
    bool step_special(const Instruction& i);
    bool step_block(const Instruction& i);
    bool step_else(const Instruction& i);
    bool step_end(const Instruction& i);
    bool step_branch_table(const Instruction& i);
    bool step_call(const Instruction& i, const FuncType& type);
    bool step_select(const Instruction& i);
    bool step_memory(const Instruction& i, const OpcodeInfo& row);
    bool step_table(const Instruction& i, const OpcodeInfo& row);
    bool step_reference(const Instruction& i);

    void push(ValType type) { operands_.push_back(type); }
    bool push_all(Types types);
    bool pop_any(ValType& out);
    bool pop(ValType wanted);
    bool pop_list(std::initializer_list<ValType> wanted);
    bool pop_all(Types wanted);
    /// Leaves the operands as they are: what a branch that may not be taken needs.
    bool check_top(Types wanted);
    void set_unreachable();
    bool push_frame(Opcode op, Types params, Types results, std::uint32_t label_id);
    bool frame_at(std::uint32_t label, const Frame*& out);
    bool block_types(const Instruction& i, Types& params, Types& results, std::uint32_t& label_id);
    bool local_type(std::uint32_t index, ValType& out);
    bool global_type(std::uint32_t index, GlobalType& out);
    bool table_type(std::uint32_t index, ValType& out);

    bool fail(ModuleRule rule, std::string detail);
    bool mismatch(ValType wanted, std::string_view found);

    const ModuleContext& context_;
    const Module& module_;
    std::vector<ValType> operands_;
    std::vector<Frame> frames_;
    LocalTypes locals_;
    Instruction current_;
    ModuleError error_;
    /// Stamp of the br_table that has checked a label type last, by label id.
    std::vector<std::uint32_t> checked_;
    std::uint32_t stamp_ = 0;
};

}  // namespace millrace::vm::detail
