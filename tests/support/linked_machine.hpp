#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "vm/image/image.hpp"
#include "vm/machine/machine_access.hpp"
#include "vm/machine/trap.hpp"
#include "vm/module/module.hpp"

/// A linker for the specification's scripts, in which instances share memories, tables, globals and
/// functions. The chain knows one instance a run; here a fourth access policy puts pointers where
/// the others have addresses, so that the same semantics run. Such runs have no state root.
namespace millrace::test {

struct LinkedMemory {
    Bytes bytes;
    vm::Limits limits;  ///< as declared; the size now is that of `bytes`
    [[nodiscard]] std::uint64_t pages() const { return bytes.size() / 65'536; }
};
struct LinkedTable {
    std::vector<std::uint64_t> entries;  ///< 0 null, else a function's or a host's reference
    vm::TableType type;
};
struct LinkedGlobal {
    vm::GlobalType type;
    std::uint64_t bits = 0;
};

/// One module linked and running. Functions are numbered over all instances: reference
/// `function_base + index + 1`.
struct LinkedInstance {
    explicit LinkedInstance(vm::ValidModule valid) : module(std::move(valid)) {}

    vm::ValidModule module;
    vm::Image image;
    std::uint64_t function_base = 0;
    std::vector<std::uint64_t> imported_functions;  ///< references in their own instances
    std::vector<LinkedTable*> tables;
    std::vector<LinkedMemory*> memories;
    std::vector<LinkedGlobal*> globals;
    /// Flags of dropped segments by the address of their word.
    std::map<vm::Address, std::uint64_t> flag_words;
    /// Ways into functions of other instances that were met in tables, by reference.
    std::map<std::uint64_t, vm::FunctionRecord> stubs;

    [[nodiscard]] std::uint64_t reference(std::uint32_t function) const {
        return function_base + function + 1;
    }
    [[nodiscard]] const vm::Export* find_export(const std::string& name) const;
};

/// What a call came to.
struct LinkedOutcome {
    vm::TrapCode trap = vm::TrapCode::none;
    std::vector<std::uint64_t> results;  ///< i32 and f32 zero-extended
};

/// Why a module has no instance.
struct LinkFailure {
    bool is_trap = false;  ///< it linked, but a segment or the start function trapped
    std::string text;
};

class Linker {
  public:
    /// Knows `spectest`, the specification's host module.
    Linker();

    [[nodiscard]] Result<LinkedInstance*, LinkFailure> instantiate(vm::ValidModule module);
    void register_as(const std::string& name, LinkedInstance* instance) {
        registered_[name] = instance;
    }
    /// Calls by reference.
    [[nodiscard]] LinkedOutcome call(std::uint64_t function,
                                     const std::vector<std::uint64_t>& args);

    struct Home {
        LinkedInstance* instance = nullptr;
        std::uint32_t index = 0;
    };
    /// Where a function is defined, past all imports.
    [[nodiscard]] Home home(std::uint64_t function) const;
    /// The record under which `caller` may call a function of any instance.
    [[nodiscard]] vm::FunctionRecord record_for(LinkedInstance& caller, std::uint64_t function);

  private:
    [[nodiscard]] bool link_one(LinkedInstance& instance, const vm::Import& entry);
    void allocate(LinkedInstance& instance);
    [[nodiscard]] std::optional<LinkFailure> run_segments(LinkedInstance& instance);
    [[nodiscard]] LinkedOutcome run(Home home, const std::vector<std::uint64_t>& args);

    struct Stack {
        std::unique_ptr<std::uint64_t[]> slots;
        std::unique_ptr<std::uint64_t[]> frames;
    };
    std::vector<std::unique_ptr<LinkedInstance>> instances_;
    std::vector<std::unique_ptr<LinkedTable>> tables_;
    std::vector<std::unique_ptr<LinkedMemory>> memories_;
    std::vector<std::unique_ptr<LinkedGlobal>> globals_;
    std::map<std::string, LinkedInstance*> registered_;
    std::vector<Stack> free_stacks_;
    std::uint64_t next_function_ = 0;
    unsigned nested_ = 0;
};

}  // namespace millrace::test
