#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

namespace millrace::vm {

/// Value types by their encoding. `v128` is known so that it can be refused by name.
enum class ValType : std::uint8_t {
    i32 = 0x7f,
    i64 = 0x7e,
    f32 = 0x7d,
    f64 = 0x7c,
    v128 = 0x7b,
    funcref = 0x70,
    externref = 0x6f,
};

[[nodiscard]] constexpr bool is_reference(ValType type) {
    return type == ValType::funcref || type == ValType::externref;
}
[[nodiscard]] constexpr std::string_view to_text(ValType type) {
    switch (type) {
        case ValType::i32:
            return "i32";
        case ValType::i64:
            return "i64";
        case ValType::f32:
            return "f32";
        case ValType::f64:
            return "f64";
        case ValType::v128:
            return "v128";
        case ValType::funcref:
            return "funcref";
        case ValType::externref:
            return "externref";
    }
    return "?";
}

/// What a block takes and leaves: nothing, one value, or a function type of the module.
struct BlockType {
    enum class Kind : std::uint8_t { empty, value, type };
    Kind kind = Kind::empty;
    ValType value = ValType::i32;
    std::uint32_t type_index = 0;
    friend bool operator==(const BlockType&, const BlockType&) = default;
};

/// Sizes in table entries or 64 KiB pages.
struct Limits {
    std::uint32_t min = 0;
    std::optional<std::uint32_t> max;
    friend bool operator==(const Limits&, const Limits&) = default;
};
struct TableType {
    ValType element = ValType::funcref;
    Limits limits;
    friend bool operator==(const TableType&, const TableType&) = default;
};
struct MemoryType {
    Limits limits;
    friend bool operator==(const MemoryType&, const MemoryType&) = default;
};
struct GlobalType {
    ValType type = ValType::i32;
    bool is_mutable = false;
    friend bool operator==(const GlobalType&, const GlobalType&) = default;
};

/// What an import brings in or an export gives out, by its encoding.
enum class ExternKind : std::uint8_t { function = 0, table = 1, memory = 2, global = 3 };
[[nodiscard]] constexpr std::string_view to_text(ExternKind kind) {
    switch (kind) {
        case ExternKind::function:
            return "function";
        case ExternKind::table:
            return "table";
        case ExternKind::memory:
            return "memory";
        case ExternKind::global:
            return "global";
    }
    return "?";
}

}  // namespace millrace::vm
