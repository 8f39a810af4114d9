#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string_view>
#include <utility>
#include <vector>

#include "common/assert.hpp"
#include "common/bytes.hpp"
#include "common/result.hpp"
#include "vm/module/error.hpp"
#include "vm/module/opcodes.hpp"
#include "vm/module/types.hpp"

namespace millrace::vm {

/// A part of the module's binary; so nothing of it is copied.
struct ByteRange {
    std::uint32_t offset = 0;
    std::uint32_t size = 0;
};

/// Parameters and results lie one after the other in `Module::type_pool`.
struct FuncType {
    std::uint32_t pool_offset = 0;
    std::uint16_t param_count = 0;
    std::uint16_t result_count = 0;
};

/// `index` counts in the space of its kind, in which imports come first.
struct Import {
    ByteRange module;
    ByteRange name;
    ExternKind kind = ExternKind::function;
    std::uint32_t index = 0;
};
struct Export {
    ByteRange name;
    ExternKind kind = ExternKind::function;
    std::uint32_t index = 0;
    std::uint32_t offset = 0;  ///< where the entry stands, for diagnostics
};

/// A constant expression is one instruction: `bits` holds the constant (i32 and f32 zero-extended),
/// or the index of `global.get` and `ref.func`.
struct ConstExpr {
    std::uint64_t bits = 0;
    std::uint32_t offset = 0;  ///< where it stands, for diagnostics
    Opcode op = Opcode::i32_const;
    ValType null_type = ValType::funcref;  ///< of `ref.null`
};

/// Imported globals have no `init`.
struct Global {
    GlobalType type;
    ConstExpr init;
};

/// One reference of an element segment, four bytes: kind in the top bits, index below (of a null
/// reference its type's encoding).
class ElementItem {
  public:
    enum class Kind : std::uint8_t { null = 0, function = 1, global = 2 };
    ElementItem() = default;
    constexpr ElementItem(Kind kind, std::uint32_t index)
        : packed_((static_cast<std::uint32_t>(kind) << 30) | (index & kIndexMask)) {}
    [[nodiscard]] constexpr Kind kind() const { return static_cast<Kind>(packed_ >> 30); }
    [[nodiscard]] constexpr std::uint32_t index() const { return packed_ & kIndexMask; }
    static constexpr std::uint32_t kIndexMask = (1u << 30) - 1;

  private:
    std::uint32_t packed_ = 0;
};

enum class SegmentMode : std::uint8_t { active, passive, declarative };

struct ElementSegment {
    SegmentMode mode = SegmentMode::active;
    ValType type = ValType::funcref;
    std::uint32_t table = 0;
    ConstExpr start;                ///< active ones: first entry written
    std::uint32_t item_offset = 0;  ///< first one in `Module::element_items`
    std::uint32_t item_count = 0;
    std::uint32_t offset = 0;  ///< where it stands, for diagnostics
};
struct DataSegment {
    SegmentMode mode = SegmentMode::active;
    std::uint32_t memory = 0;
    ConstExpr start;  ///< active ones: first byte written
    ByteRange bytes;
    std::uint32_t offset = 0;  ///< where it stands, for diagnostics
};

/// Local declarations and instructions of a defined function, without the size in front.
using FunctionBody = ByteRange;

/// A decoded module: sections as tables, function bodies as ranges of the owned binary.
/// Memory is bounded by a small multiple of the binary: every list has at most one entry for each
/// byte read.
struct Module {
    Bytes binary;

    std::vector<FuncType> types;
    std::vector<ValType> type_pool;
    /// For each type the lowest index of a type that equals it: types are compared by structure.
    std::vector<std::uint32_t> canonical_types;

    std::vector<Import> imports;
    std::vector<std::uint32_t> functions;  ///< type index of each, imports first
    std::vector<TableType> tables;
    std::vector<MemoryType> memories;
    std::vector<Global> globals;
    std::vector<Export> exports;
    std::optional<std::uint32_t> start;
    std::uint32_t start_offset = 0;
    std::vector<ElementSegment> elements;
    std::vector<ElementItem> element_items;
    std::vector<DataSegment> data;
    std::optional<std::uint32_t> data_count;  ///< as announced by the data count section
    std::uint32_t data_count_offset = 0;
    std::vector<FunctionBody> bodies;  ///< of defined functions, in order
    ByteRange name_section;            ///< payload of the custom section "name", or empty

    std::uint32_t imported_functions = 0;
    std::uint32_t imported_tables = 0;
    std::uint32_t imported_memories = 0;
    std::uint32_t imported_globals = 0;

    [[nodiscard]] ByteView bytes(ByteRange range) const {
        return ByteView{binary}.subspan(range.offset, range.size);
    }
    [[nodiscard]] std::string_view text(ByteRange range) const { return as_text(bytes(range)); }
    [[nodiscard]] std::span<const ValType> params(const FuncType& type) const {
        return std::span{type_pool}.subspan(type.pool_offset, type.param_count);
    }
    [[nodiscard]] std::span<const ValType> results(const FuncType& type) const {
        return std::span{type_pool}.subspan(type.pool_offset + type.param_count, type.result_count);
    }
    [[nodiscard]] const FuncType& function_type(std::uint32_t function) const {
        return types[functions[function]];
    }
    [[nodiscard]] std::span<const ElementItem> items(const ElementSegment& segment) const {
        return std::span{element_items}.subspan(segment.item_offset, segment.item_count);
    }
    [[nodiscard]] bool is_imported_function(std::uint32_t function) const {
        return function < imported_functions;
    }
    /// Body of a defined function by its index in the function space.
    [[nodiscard]] FunctionBody body(std::uint32_t function) const {
        MILLRACE_ASSERT(function >= imported_functions);
        return bodies[function - imported_functions];
    }
};

/// Reads the binary format strictly, without looking into function bodies.
/// Refuses: rules 1 to 63, limits, unsupported features. Cost: O(n log n) in the types, else
/// linear. Source: WebAssembly 2.0, chapter 5.
[[nodiscard]] Result<Module, ModuleError> decode_module(Bytes binary);

/// A module that passed validation; only `validate` makes one. Bodies can then be walked with
/// `InstructionReader` without a check failing.
class ValidModule {
  public:
    [[nodiscard]] const Module& operator*() const { return module_; }
    [[nodiscard]] const Module* operator->() const { return &module_; }

  private:
    explicit ValidModule(Module module) : module_(std::move(module)) {}
    Module module_;
    friend Result<ValidModule, ModuleError> validate(Module module);
};

/// Checks the types of everything, bodies included. Linear in time and memory; no recursion.
/// Source: WebAssembly 2.0, chapter 3 and appendix "Validation Algorithm".
[[nodiscard]] Result<ValidModule, ModuleError> validate(Module module);

/// `decode_module`, then `validate`.
[[nodiscard]] Result<ValidModule, ModuleError> load_module(Bytes binary);

}  // namespace millrace::vm
