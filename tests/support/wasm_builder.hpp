#pragma once

#include <cstdint>
#include <initializer_list>
#include <optional>
#include <string_view>
#include <utility>
#include <vector>

#include "common/bytes.hpp"
#include "vm/module/module.hpp"
#include "vm/module/opcodes.hpp"

/// Small WebAssembly modules for tests, written byte by byte without a checker: so wrong ones can
/// be built as easily as right ones. Encodings are written apart from those of the decoder.
namespace millrace::test {

/// Bytes with the encodings of the binary format. Calls chain.
class WasmBytes {
  public:
    WasmBytes& byte(unsigned value) {
        bytes_.push_back(static_cast<std::uint8_t>(value));
        return *this;
    }
    WasmBytes& raw(ByteView more) {
        bytes_.insert(bytes_.end(), more.begin(), more.end());
        return *this;
    }
    WasmBytes& raw(std::initializer_list<std::uint8_t> more) {
        bytes_.insert(bytes_.end(), more);
        return *this;
    }
    WasmBytes& u32(std::uint64_t value) {
        while (value >= 0x80) {
            byte(static_cast<unsigned>(value & 0x7f) | 0x80u);
            value >>= 7;
        }
        return byte(static_cast<unsigned>(value));
    }
    WasmBytes& s64(std::int64_t value) {
        for (;;) {
            const auto low = static_cast<unsigned>(value & 0x7f);
            value >>= 7;
            const bool done =
                (value == 0 && (low & 0x40) == 0) || (value == -1 && (low & 0x40) != 0);
            byte(done ? low : low | 0x80);
            if (done) return *this;
        }
    }
    WasmBytes& fixed32(std::uint32_t value) {
        for (unsigned i = 0; i < 4; ++i) byte((value >> (8 * i)) & 0xff);
        return *this;
    }
    WasmBytes& fixed64(std::uint64_t value) {
        for (unsigned i = 0; i < 8; ++i) byte(static_cast<unsigned>((value >> (8 * i)) & 0xff));
        return *this;
    }
    WasmBytes& name(std::string_view text) { return sized(as_bytes(text)); }
    /// Length, then the bytes.
    WasmBytes& sized(ByteView more) { return u32(more.size()).raw(more); }
    WasmBytes& type(vm::ValType value) { return byte(static_cast<unsigned>(value)); }

    [[nodiscard]] const Bytes& bytes() const { return bytes_; }
    [[nodiscard]] std::size_t size() const { return bytes_.size(); }

  private:
    Bytes bytes_;
};

/// Instructions of a body or expression. `op(Opcode, immediates...)` writes any instruction whose
/// immediates are unsigned integers; the rest have names of their own.
class WasmCode : public WasmBytes {
  public:
    template <class... Indices>
    WasmCode& op(vm::Opcode opcode, Indices... immediates) {
        const vm::OpcodeInfo& row = vm::info(opcode);
        if (row.prefix != 0) byte(row.prefix);
        if (row.prefix != 0)
            u32(row.code);
        else
            byte(row.code);
        (u32(static_cast<std::uint64_t>(immediates)), ...);
        return *this;
    }
    WasmCode& i32(std::int32_t value) {
        byte(0x41).s64(value);
        return *this;
    }
    WasmCode& i64(std::int64_t value) {
        byte(0x42).s64(value);
        return *this;
    }
    WasmCode& f32_bits(std::uint32_t bits) {
        byte(0x43).fixed32(bits);
        return *this;
    }
    WasmCode& f64_bits(std::uint64_t bits) {
        byte(0x44).fixed64(bits);
        return *this;
    }
    /// block, loop or if without a value.
    WasmCode& open(vm::Opcode opcode) {
        op(opcode).byte(0x40);
        return *this;
    }
    WasmCode& open(vm::Opcode opcode, vm::ValType result) {
        op(opcode).type(result);
        return *this;
    }
    WasmCode& open_typed(vm::Opcode opcode, std::uint32_t type_index) {
        op(opcode).s64(type_index);
        return *this;
    }
    WasmCode& end() { return op(vm::Opcode::end); }
    WasmCode& br_table(const std::vector<std::uint32_t>& labels, std::uint32_t otherwise) {
        op(vm::Opcode::br_table, labels.size());
        for (const std::uint32_t label : labels) u32(label);
        u32(otherwise);
        return *this;
    }
};

/// Collects sections; `build()` writes them in order. Imports must come before functions, tables,
/// memories and globals of one's own.
class WasmBuilder {
  public:
    using Types = std::vector<vm::ValType>;
    using Locals = std::vector<std::pair<std::uint32_t, vm::ValType>>;

    /// Returns the type's index; equal types are not merged.
    std::uint32_t type(const Types& params, const Types& results) {
        types_.byte(0x60).u32(params.size());
        for (const vm::ValType t : params) types_.type(t);
        types_.u32(results.size());
        for (const vm::ValType t : results) types_.type(t);
        return type_count_++;
    }
    std::uint32_t import_function(std::string_view module, std::string_view name,
                                  std::uint32_t type_index) {
        imports_.name(module).name(name).byte(0).u32(type_index);
        ++import_count_;
        return functions_++;
    }
    void import_memory(std::string_view module, std::string_view name, std::uint32_t min,
                       std::optional<std::uint32_t> max = {}) {
        imports_.name(module).name(name).byte(2);
        limits(imports_, min, max);
        ++import_count_;
    }
    std::uint32_t import_global(std::string_view module, std::string_view name, vm::ValType type,
                                bool is_mutable) {
        imports_.name(module).name(name).byte(3).type(type).byte(is_mutable ? 1 : 0);
        ++import_count_;
        return globals_++;
    }
    /// `code` without the closing `end`. Returns the function's index.
    std::uint32_t function(std::uint32_t type_index, const WasmBytes& code,
                           const Locals& locals = {}) {
        WasmBytes body;
        body.u32(locals.size());
        for (const auto& [count, type] : locals) body.u32(count).type(type);
        body.raw(code.bytes()).byte(0x0b);
        return function_raw(type_index, body.bytes());
    }
    /// The whole body: local declarations, instructions, `end`, or anything else.
    std::uint32_t function_raw(std::uint32_t type_index, ByteView body) {
        declarations_.u32(type_index);
        bodies_.sized(body);
        ++body_count_;
        return functions_++;
    }
    std::uint32_t table(std::uint32_t min, std::optional<std::uint32_t> max = {},
                        vm::ValType element = vm::ValType::funcref) {
        tables_.type(element);
        limits(tables_, min, max);
        return table_count_++;
    }
    std::uint32_t memory(std::uint32_t min, std::optional<std::uint32_t> max = {}) {
        limits(memories_, min, max);
        return memory_count_++;
    }
    /// `init` without `end`.
    std::uint32_t global(vm::ValType type, bool is_mutable, const WasmBytes& init) {
        global_section_.type(type).byte(is_mutable ? 1 : 0).raw(init.bytes()).byte(0x0b);
        ++global_count_;
        return globals_++;
    }
    void export_function(std::string_view name, std::uint32_t index) { exported(name, 0, index); }
    void export_table(std::string_view name, std::uint32_t index) { exported(name, 1, index); }
    void export_memory(std::string_view name, std::uint32_t index = 0) { exported(name, 2, index); }
    void export_global(std::string_view name, std::uint32_t index) { exported(name, 3, index); }
    void start(std::uint32_t function) { start_ = function; }
    /// Active in memory 0 at a constant offset.
    void data(std::int32_t offset, ByteView bytes) {
        data_.u32(0).raw(WasmCode{}.i32(offset).bytes()).byte(0x0b).sized(bytes);
        ++data_count_;
    }
    void passive_data(ByteView bytes) {
        data_.u32(1).sized(bytes);
        ++data_count_;
    }
    /// Active in table 0 at a constant offset.
    void elements(std::int32_t offset, const std::vector<std::uint32_t>& functions) {
        elements_.u32(0).raw(WasmCode{}.i32(offset).bytes()).byte(0x0b).u32(functions.size());
        for (const std::uint32_t f : functions) elements_.u32(f);
        ++element_count_;
    }
    void passive_elements(const std::vector<std::uint32_t>& functions) {
        elements_.u32(1).byte(0).u32(functions.size());
        for (const std::uint32_t f : functions) elements_.u32(f);
        ++element_count_;
    }
    void declare_functions(const std::vector<std::uint32_t>& functions) {
        elements_.u32(3).byte(0).u32(functions.size());
        for (const std::uint32_t f : functions) elements_.u32(f);
        ++element_count_;
    }
    /// Names in the custom section "name".
    void function_name(std::uint32_t function, std::string_view name) {
        names_.u32(function).name(name);
        ++name_count_;
    }
    /// The data count section is written when a body needs it: memory.init, data.drop.
    void announce_data_count() { announces_data_ = true; }

    [[nodiscard]] Bytes build() const {
        WasmBytes out = header();
        list_section(out, 1, type_count_, types_);
        list_section(out, 2, import_count_, imports_);
        list_section(out, 3, body_count_, declarations_);
        list_section(out, 4, table_count_, tables_);
        list_section(out, 5, memory_count_, memories_);
        list_section(out, 6, global_count_, global_section_);
        list_section(out, 7, export_count_, exports_);
        if (start_) section(out, 8, WasmBytes{}.u32(*start_));
        list_section(out, 9, element_count_, elements_);
        if (announces_data_) section(out, 12, WasmBytes{}.u32(data_count_));
        list_section(out, 10, body_count_, bodies_);
        list_section(out, 11, data_count_, data_);
        if (name_count_ != 0) {
            const WasmBytes list = WasmBytes{}.u32(name_count_).raw(names_.bytes());
            section(out, 0, WasmBytes{}.name("name").byte(1).sized(list.bytes()));
        }
        return out.bytes();
    }

    [[nodiscard]] static WasmBytes header() {
        return WasmBytes{}.raw({0x00, 0x61, 0x73, 0x6d, 0x01, 0x00, 0x00, 0x00});
    }
    static void section(WasmBytes& out, unsigned id, const WasmBytes& payload) {
        out.byte(id).sized(payload.bytes());
    }
    static void list_section(WasmBytes& out, unsigned id, std::uint32_t count,
                             const WasmBytes& entries) {
        if (count != 0) section(out, id, WasmBytes{}.u32(count).raw(entries.bytes()));
    }

  private:
    static void limits(WasmBytes& out, std::uint32_t min, std::optional<std::uint32_t> max) {
        out.byte(max ? 1 : 0).u32(min);
        if (max) out.u32(*max);
    }
    void exported(std::string_view name, unsigned kind, std::uint32_t index) {
        exports_.name(name).byte(kind).u32(index);
        ++export_count_;
    }

    WasmBytes types_, imports_, declarations_, bodies_, tables_, memories_, global_section_;
    WasmBytes exports_, elements_, data_, names_;
    std::optional<std::uint32_t> start_;
    bool announces_data_ = false;
    std::uint32_t type_count_ = 0, import_count_ = 0, body_count_ = 0, table_count_ = 0;
    std::uint32_t memory_count_ = 0, global_count_ = 0, export_count_ = 0, element_count_ = 0;
    std::uint32_t data_count_ = 0, name_count_ = 0;
    std::uint32_t functions_ = 0, globals_ = 0;
};

/// A command of the given body: `_start`, one page of exported memory.
[[nodiscard]] inline Bytes command_module(const WasmBytes& code,
                                          const WasmBuilder::Locals& locals = {}) {
    WasmBuilder builder;
    const std::uint32_t type = builder.type({}, {});
    const std::uint32_t start = builder.function(type, code, locals);
    builder.memory(1);
    builder.export_memory("memory");
    builder.export_function("_start", start);
    return builder.build();
}

}  // namespace millrace::test
