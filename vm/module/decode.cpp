#include <algorithm>
#include <array>
#include <numeric>

#include "vm/module/cursor.hpp"
#include "vm/module/detail/utf8.hpp"
#include "vm/module/limits.hpp"
#include "vm/module/module.hpp"
#include "vm/module/reader.hpp"

namespace millrace::vm {

namespace {

enum class SectionId : std::uint8_t {
    custom = 0,
    type = 1,
    import = 2,
    function = 3,
    table = 4,
    memory = 5,
    global = 6,
    export_ = 7,
    start = 8,
    element = 9,
    code = 10,
    data = 11,
    data_count = 12,
    tag = 13,
};

/// Place of each section in the fixed order; the data count stands before the code.
constexpr std::array<std::uint8_t, 13> kSectionRank{0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 11, 12, 10};

/// Bytes that the smallest entry of a list takes: so a count is refused before memory is reserved
/// for more entries than the input can hold.
constexpr std::uint32_t kTypeBytesMin = 3;
constexpr std::uint32_t kImportBytesMin = 4;
constexpr std::uint32_t kTableBytesMin = 3;
constexpr std::uint32_t kMemoryBytesMin = 2;
constexpr std::uint32_t kGlobalBytesMin = 3;
constexpr std::uint32_t kExportBytesMin = 3;
constexpr std::uint32_t kElementBytesMin = 3;
constexpr std::uint32_t kBodyBytesMin = 3;
constexpr std::uint32_t kDataBytesMin = 2;

class Decoder {
  public:
    explicit Decoder(Bytes binary) { module_.binary = std::move(binary); }

    Result<Module, ModuleError> run() {
        if (module_.binary.size() > kModuleSizeMax)
            return Err{ModuleError{kModuleSizeMax, ModuleRule::module_too_large,
                                   "at most " + std::to_string(kModuleSizeMax) + " bytes"}};
        ByteCursor file(module_.binary, 0);
        read_header(file);
        while (!file.failed() && !file.at_end()) read_section(file);
        if (!file.failed()) check_counts(file);
        if (file.failed()) return Err{file.error()};
        find_canonical_types();
        return std::move(module_);
    }

  private:
    void read_header(ByteCursor& in);
    void read_section(ByteCursor& file);
    void read_payload(SectionId id, ByteCursor& in);
    void read_custom(ByteCursor& in);
    void read_types(ByteCursor& in);
    void read_type_list(ByteCursor& in, std::uint32_t max, ModuleRule rule, std::uint16_t& count);
    void read_imports(ByteCursor& in);
    void read_import(ByteCursor& in);
    void read_functions(ByteCursor& in);
    void read_tables(ByteCursor& in);
    void read_memories(ByteCursor& in);
    void read_globals(ByteCursor& in);
    void read_exports(ByteCursor& in);
    void read_start(ByteCursor& in);
    void read_elements(ByteCursor& in);
    void read_element(ByteCursor& in);
    void read_items(ByteCursor& in, bool expressions, ElementSegment& segment);
    void read_bodies(ByteCursor& in);
    void read_data(ByteCursor& in);
    void read_data_segment(ByteCursor& in);
    void check_counts(ByteCursor& file);
    void find_canonical_types();

    static std::uint32_t read_count(ByteCursor& in, std::size_t before, std::uint32_t max,
                                    ModuleRule rule, std::uint32_t bytes_min);
    static ByteRange read_name(ByteCursor& in);
    static Limits read_limits(ByteCursor& in);
    static TableType read_table_type(ByteCursor& in);
    static GlobalType read_global_type(ByteCursor& in);
    static ConstExpr read_constant(ByteCursor& in);

    Module module_;
    std::uint8_t last_rank_ = 0;
};

void Decoder::read_header(ByteCursor& in) {
    constexpr std::array<std::uint8_t, 4> kMagic{0x00, 0x61, 0x73, 0x6d};
    constexpr std::uint32_t kVersion = 1;
    constexpr std::uint32_t kComponentVersion = 0x0001'000d;
    const ByteView magic = in.rest().first(std::min<std::size_t>(4, in.left()));
    if (!std::equal(magic.begin(), magic.end(), kMagic.begin()))
        return in.fail(0, ModuleRule::magic, "found " + to_hex(magic));
    if (magic.size() < 4) return in.fail(in.left(), ModuleRule::unexpected_end);
    in.take(4);
    if (in.left() < 4) return in.fail(in.offset() + in.left(), ModuleRule::unexpected_end);
    const auto version = load_le<std::uint32_t>(in.take(4).data());
    if (version == kComponentVersion) return in.fail(4, ModuleRule::component_model);
    if (version != kVersion) in.fail(4, ModuleRule::version, "found " + std::to_string(version));
}

void Decoder::read_section(ByteCursor& file) {
    const std::uint32_t at = file.offset();
    const std::uint8_t id = file.u8();
    if (id == static_cast<std::uint8_t>(SectionId::tag))
        return file.fail(at, ModuleRule::exceptions, "a tag section");
    if (id > static_cast<std::uint8_t>(SectionId::data_count))
        return file.fail(at, ModuleRule::section_id, std::to_string(id));
    const std::uint32_t size = file.u32();
    const std::uint32_t begin = file.offset();
    ByteCursor payload(file.take(size), begin);
    if (file.failed()) return;
    if (const std::uint8_t rank = kSectionRank.at(id); rank != 0) {
        if (rank <= last_rank_)
            return file.fail(at, ModuleRule::section_order, "section " + std::to_string(id));
        last_rank_ = rank;
    }
    read_payload(static_cast<SectionId>(id), payload);
    if (payload.failed()) {
        const ModuleError& error = payload.error();
        return file.fail(error.offset, error.rule, error.detail);
    }
    if (!payload.at_end())
        file.fail(payload.offset(), ModuleRule::section_size,
                  std::to_string(payload.left()) + " bytes are left over");
}

void Decoder::read_payload(SectionId id, ByteCursor& in) {
    switch (id) {
        case SectionId::custom:
            return read_custom(in);
        case SectionId::type:
            return read_types(in);
        case SectionId::import:
            return read_imports(in);
        case SectionId::function:
            return read_functions(in);
        case SectionId::table:
            return read_tables(in);
        case SectionId::memory:
            return read_memories(in);
        case SectionId::global:
            return read_globals(in);
        case SectionId::export_:
            return read_exports(in);
        case SectionId::start:
            return read_start(in);
        case SectionId::element:
            return read_elements(in);
        case SectionId::code:
            return read_bodies(in);
        case SectionId::data:
            return read_data(in);
        case SectionId::data_count:
            module_.data_count_offset = in.offset();
            module_.data_count = in.u32();
            return;
        case SectionId::tag:
            return;
    }
}

std::uint32_t Decoder::read_count(ByteCursor& in, std::size_t before, std::uint32_t max,
                                  ModuleRule rule, std::uint32_t bytes_min) {
    const std::uint32_t at = in.offset();
    const std::uint32_t count = in.u32();
    if (in.failed()) return 0;
    if (count > max - std::min<std::size_t>(before, max)) {
        in.fail(at, rule, std::to_string(before + count) + ", at most " + std::to_string(max));
        return 0;
    }
    if (count > in.left() / bytes_min) {
        in.fail(at, ModuleRule::unexpected_end,
                std::to_string(count) + " entries are announced and " + std::to_string(in.left()) +
                    " bytes are left");
        return 0;
    }
    return count;
}

ByteRange Decoder::read_name(ByteCursor& in) {
    const std::uint32_t size = in.u32();
    const std::uint32_t at = in.offset();
    const ByteView name = in.take(size);
    if (!in.failed() && !detail::is_utf8(name)) in.fail(at, ModuleRule::utf8);
    if (in.failed()) return {};
    return {at, size};
}

void Decoder::read_custom(ByteCursor& in) {
    const ByteRange name = read_name(in);
    if (in.failed()) return;
    if (module_.text(name) == "name" && module_.name_section.size == 0)
        module_.name_section = {in.offset(), in.left()};
    in.take(in.left());
}

void Decoder::read_types(ByteCursor& in) {
    constexpr std::uint8_t kFunctionForm = 0x60;
    const std::uint32_t count =
        read_count(in, 0, kTypesMax, ModuleRule::too_many_types, kTypeBytesMin);
    module_.types.reserve(count);
    module_.type_pool.reserve(in.left());
    for (std::uint32_t i = 0; i < count && !in.failed(); ++i) {
        const std::uint32_t at = in.offset();
        const std::uint8_t form = in.u8();
        // Structures, arrays, recursive groups and subtypes of the garbage collection proposal.
        if ((form >= 0x4e && form <= 0x50) || form == 0x5e || form == 0x5f)
            return in.fail(at, ModuleRule::garbage_collection, "type " + std::to_string(i));
        if (!in.failed() && form != kFunctionForm)
            return in.fail(at, ModuleRule::type_form, "type " + std::to_string(i));
        FuncType type;
        type.pool_offset = static_cast<std::uint32_t>(module_.type_pool.size());
        read_type_list(in, kParamsMax, ModuleRule::too_many_params, type.param_count);
        read_type_list(in, kResultsMax, ModuleRule::too_many_results, type.result_count);
        module_.types.push_back(type);
    }
}

void Decoder::read_type_list(ByteCursor& in, std::uint32_t max, ModuleRule rule,
                             std::uint16_t& count) {
    const std::uint32_t size = read_count(in, 0, max, rule, 1);
    count = static_cast<std::uint16_t>(size);
    for (std::uint32_t i = 0; i < size && !in.failed(); ++i)
        module_.type_pool.push_back(read_value_type(in));
}

void Decoder::read_imports(ByteCursor& in) {
    const std::uint32_t count =
        read_count(in, 0, kImportsMax, ModuleRule::too_many_imports, kImportBytesMin);
    module_.imports.reserve(count);
    for (std::uint32_t i = 0; i < count && !in.failed(); ++i) read_import(in);
    module_.imported_functions = static_cast<std::uint32_t>(module_.functions.size());
    module_.imported_tables = static_cast<std::uint32_t>(module_.tables.size());
    module_.imported_memories = static_cast<std::uint32_t>(module_.memories.size());
    module_.imported_globals = static_cast<std::uint32_t>(module_.globals.size());
}

void Decoder::read_import(ByteCursor& in) {
    Import entry;
    entry.module = read_name(in);
    entry.name = read_name(in);
    const std::uint32_t at = in.offset();
    const std::uint8_t kind = in.u8();
    if (in.failed()) return;
    switch (kind) {
        case 0:
            entry.index = static_cast<std::uint32_t>(module_.functions.size());
            module_.functions.push_back(in.u32());
            break;
        case 1:
            entry.index = static_cast<std::uint32_t>(module_.tables.size());
            module_.tables.push_back(read_table_type(in));
            if (module_.tables.size() > kTablesMax) return in.fail(at, ModuleRule::too_many_tables);
            break;
        case 2:
            entry.index = static_cast<std::uint32_t>(module_.memories.size());
            module_.memories.push_back({read_limits(in)});
            break;
        case 3:
            entry.index = static_cast<std::uint32_t>(module_.globals.size());
            module_.globals.push_back({read_global_type(in), {}});
            break;
        case 4:
            return in.fail(at, ModuleRule::exceptions, "an imported tag");
        default:
            return in.fail(at, ModuleRule::import_kind, std::to_string(kind));
    }
    entry.kind = static_cast<ExternKind>(kind);
    module_.imports.push_back(entry);
}

void Decoder::read_functions(ByteCursor& in) {
    const std::uint32_t count =
        read_count(in, module_.functions.size(), kFunctionsMax, ModuleRule::too_many_functions, 1);
    module_.functions.reserve(module_.functions.size() + count);
    for (std::uint32_t i = 0; i < count && !in.failed(); ++i) module_.functions.push_back(in.u32());
}

Limits Decoder::read_limits(ByteCursor& in) {
    const std::uint32_t at = in.offset();
    const std::uint8_t flags = in.u8();
    Limits limits;
    if (in.failed()) return limits;
    if (flags > 1) {
        ModuleRule rule = ModuleRule::limits_flags;
        if (flags < 4)
            rule = ModuleRule::threads;
        else if (flags < 8)
            rule = ModuleRule::memory64;
        else if (flags < 16)
            rule = ModuleRule::custom_page_sizes;
        in.fail(at, rule, "flags " + std::to_string(flags));
        return limits;
    }
    limits.min = in.u32();
    if (flags == 1) limits.max = in.u32();
    return limits;
}

TableType Decoder::read_table_type(ByteCursor& in) {
    TableType type;
    type.element = read_value_type(in, true);
    type.limits = read_limits(in);
    return type;
}

GlobalType Decoder::read_global_type(ByteCursor& in) {
    GlobalType type;
    type.type = read_value_type(in);
    const std::uint32_t at = in.offset();
    const std::uint8_t mutability = in.u8();
    if (mutability > 1) in.fail(at, ModuleRule::mutability, std::to_string(mutability));
    type.is_mutable = mutability == 1;
    return type;
}

/// One constant instruction and `end`. Others are named here rather than in validation: nothing
/// else has to be kept.
ConstExpr Decoder::read_constant(ByteCursor& in) {
    ConstExpr out;
    out.offset = in.offset();
    InstructionReader reader(in.rest(), in.offset());
    Instruction instruction;
    std::uint32_t count = 0;
    const auto refuse = [&](ModuleRule rule, std::string detail) {
        in.fail(instruction.offset, rule, std::move(detail));
    };
    while (reader.next(instruction)) {
        switch (instruction.op) {
            case Opcode::end:
                if (count != 1)
                    refuse(ModuleRule::type_mismatch,
                           "a constant expression leaves " + std::to_string(count) + " values");
                else
                    in.take(reader.offset() - in.offset());
                return out;
            case Opcode::i32_const:
            case Opcode::i64_const:
            case Opcode::f32_const:
            case Opcode::f64_const:
                out.bits = instruction.bits;
                break;
            case Opcode::global_get:
            case Opcode::ref_func:
                out.bits = instruction.index;
                break;
            case Opcode::ref_null:
                out.null_type = instruction.type;
                break;
            case Opcode::i32_add:
            case Opcode::i32_sub:
            case Opcode::i32_mul:
            case Opcode::i64_add:
            case Opcode::i64_sub:
            case Opcode::i64_mul:
                refuse(ModuleRule::extended_constants, std::string{info(instruction.op).text});
                return out;
            default:
                refuse(ModuleRule::constant_expression, std::string{info(instruction.op).text});
                return out;
        }
        out.op = instruction.op;
        ++count;
    }
    if (reader.failed())
        in.fail(reader.error().offset, reader.error().rule, reader.error().detail);
    else
        in.fail(in.offset() + in.left(), ModuleRule::end_expected);
    return out;
}

void Decoder::read_tables(ByteCursor& in) {
    const std::uint32_t count = read_count(in, module_.tables.size(), kTablesMax,
                                           ModuleRule::too_many_tables, kTableBytesMin);
    for (std::uint32_t i = 0; i < count && !in.failed(); ++i) {
        const std::uint32_t at = in.offset();
        if (in.peek() == 0x40)  // a table with an initial value
            return in.fail(at, ModuleRule::function_references, "a table with an initial value");
        module_.tables.push_back(read_table_type(in));
    }
}

void Decoder::read_memories(ByteCursor& in) {
    const std::uint32_t at = in.offset();
    const std::uint32_t count = in.u32();
    if (count > in.left() / kMemoryBytesMin) return in.fail(at, ModuleRule::unexpected_end);
    // More than one is invalid; one beyond the first is kept so that validation can say so.
    for (std::uint32_t i = 0; i < count && !in.failed(); ++i) {
        const Limits limits = read_limits(in);
        if (module_.memories.size() <= module_.imported_memories + std::size_t{kMemoriesMax})
            module_.memories.push_back({limits});
    }
}

void Decoder::read_globals(ByteCursor& in) {
    const std::uint32_t count = read_count(in, module_.globals.size(), kGlobalsMax,
                                           ModuleRule::too_many_globals, kGlobalBytesMin);
    module_.globals.reserve(module_.globals.size() + count);
    for (std::uint32_t i = 0; i < count && !in.failed(); ++i) {
        Global global;
        global.type = read_global_type(in);
        global.init = read_constant(in);
        module_.globals.push_back(global);
    }
}

void Decoder::read_exports(ByteCursor& in) {
    const std::uint32_t count =
        read_count(in, 0, kExportsMax, ModuleRule::too_many_exports, kExportBytesMin);
    module_.exports.reserve(count);
    for (std::uint32_t i = 0; i < count && !in.failed(); ++i) {
        Export entry;
        entry.offset = in.offset();
        entry.name = read_name(in);
        const std::uint32_t at = in.offset();
        const std::uint8_t kind = in.u8();
        if (kind == 4) return in.fail(at, ModuleRule::exceptions, "an exported tag");
        if (kind > 3) return in.fail(at, ModuleRule::export_kind, std::to_string(kind));
        entry.kind = static_cast<ExternKind>(kind);
        entry.index = in.u32();
        module_.exports.push_back(entry);
    }
}

void Decoder::read_start(ByteCursor& in) {
    module_.start_offset = in.offset();
    module_.start = in.u32();
}

void Decoder::read_elements(ByteCursor& in) {
    const std::uint32_t count = read_count(in, 0, kElementSegmentsMax,
                                           ModuleRule::too_many_element_segments, kElementBytesMin);
    module_.elements.reserve(count);
    // Growing by doubling would hold three times the list for a moment; an item takes a byte or
    // more.
    module_.element_items.reserve(in.left());
    for (std::uint32_t i = 0; i < count && !in.failed(); ++i) read_element(in);
}

/// Flags: bit 0 not active; bit 1 table index (active) or declarative; bit 2 expressions.
void Decoder::read_element(ByteCursor& in) {
    ElementSegment segment;
    segment.offset = in.offset();
    const std::uint32_t flags = in.u32();
    if (flags > 7) return in.fail(segment.offset, ModuleRule::element_flags, std::to_string(flags));
    const bool active = (flags & 1) == 0;
    const bool explicit_index = (flags & 2) != 0;
    const bool expressions = (flags & 4) != 0;
    if (!active) segment.mode = explicit_index ? SegmentMode::declarative : SegmentMode::passive;
    if (active) {
        if (explicit_index) segment.table = in.u32();
        segment.start = read_constant(in);
    }
    // The shortest active form has no type: it means functions.
    if (!active || explicit_index) {
        const std::uint32_t at = in.offset();
        if (expressions)
            segment.type = read_value_type(in, true);
        else if (const std::uint8_t kind = in.u8(); kind != 0)
            return in.fail(at, ModuleRule::element_kind, std::to_string(kind));
    }
    read_items(in, expressions, segment);
    module_.elements.push_back(segment);
}

void Decoder::read_items(ByteCursor& in, bool expressions, ElementSegment& segment) {
    segment.item_offset = static_cast<std::uint32_t>(module_.element_items.size());
    const std::uint32_t count = read_count(
        in, 0, kModuleSizeMax, ModuleRule::too_many_element_segments, expressions ? 3 : 1);
    segment.item_count = count;
    for (std::uint32_t i = 0; i < count && !in.failed(); ++i) {
        const std::uint32_t at = in.offset();
        ConstExpr item;
        if (expressions) {
            item = read_constant(in);
        } else {
            item.op = Opcode::ref_func;
            item.bits = in.u32();
        }
        if (in.failed()) return;
        auto kind = ElementItem::Kind::function;
        if (item.op == Opcode::ref_null) {
            kind = ElementItem::Kind::null;
            item.bits = static_cast<std::uint8_t>(item.null_type);
        } else if (item.op == Opcode::global_get) {
            kind = ElementItem::Kind::global;
        } else if (item.op != Opcode::ref_func) {
            return in.fail(at, ModuleRule::type_mismatch, "an element must be a reference");
        }
        if (item.bits > ElementItem::kIndexMask)
            return in.fail(at,
                           kind == ElementItem::Kind::global ? ModuleRule::unknown_global
                                                             : ModuleRule::unknown_function,
                           std::to_string(item.bits));
        module_.element_items.emplace_back(kind, static_cast<std::uint32_t>(item.bits));
    }
}

void Decoder::read_bodies(ByteCursor& in) {
    const std::uint32_t at = in.offset();
    const std::uint32_t count = in.u32();
    const std::size_t declared = module_.functions.size() - module_.imported_functions;
    if (in.failed()) return;
    if (count != declared)
        return in.fail(
            at, ModuleRule::function_count,
            std::to_string(declared) + " declared, " + std::to_string(count) + " defined");
    if (count > in.left() / kBodyBytesMin) return in.fail(at, ModuleRule::unexpected_end);
    module_.bodies.reserve(count);
    for (std::uint32_t i = 0; i < count && !in.failed(); ++i) {
        const std::uint32_t begin = in.offset();
        const std::uint32_t size = in.u32();
        if (size > kFunctionSizeMax && size <= in.left())
            return in.fail(
                begin, ModuleRule::function_too_large,
                std::to_string(size) + " bytes, at most " + std::to_string(kFunctionSizeMax));
        const FunctionBody body{in.offset(), size};
        in.take(size);
        module_.bodies.push_back(body);
    }
}

void Decoder::read_data(ByteCursor& in) {
    const std::uint32_t at = in.offset();
    const std::uint32_t count =
        read_count(in, 0, kDataSegmentsMax, ModuleRule::too_many_data_segments, kDataBytesMin);
    if (!in.failed() && module_.data_count && *module_.data_count != count)
        return in.fail(at, ModuleRule::data_count,
                       std::to_string(*module_.data_count) + " announced, " +
                           std::to_string(count) + " defined");
    module_.data.reserve(count);
    for (std::uint32_t i = 0; i < count && !in.failed(); ++i) read_data_segment(in);
}

void Decoder::read_data_segment(ByteCursor& in) {
    DataSegment segment;
    segment.offset = in.offset();
    const std::uint32_t flags = in.u32();
    if (flags > 2) return in.fail(segment.offset, ModuleRule::data_flags, std::to_string(flags));
    if (flags == 1) segment.mode = SegmentMode::passive;
    if (flags == 2) segment.memory = in.u32();
    if (flags != 1) segment.start = read_constant(in);
    const std::uint32_t size = in.u32();
    segment.bytes = {in.offset(), size};
    in.take(size);
    module_.data.push_back(segment);
}

void Decoder::check_counts(ByteCursor& file) {
    const std::uint32_t end = file.offset();
    const std::size_t declared = module_.functions.size() - module_.imported_functions;
    if (module_.bodies.size() != declared)
        return file.fail(end, ModuleRule::function_count,
                         std::to_string(declared) + " declared, none defined");
    if (module_.data_count && *module_.data_count != module_.data.size())
        file.fail(module_.data_count_offset, ModuleRule::data_count,
                  std::to_string(*module_.data_count) + " announced, " +
                      std::to_string(module_.data.size()) + " defined");
}

void Decoder::find_canonical_types() {
    const std::vector<FuncType>& types = module_.types;
    const auto compare = [&](std::uint32_t a, std::uint32_t b) {
        const auto params = [&](std::uint32_t t) { return module_.params(types[t]); };
        const auto results = [&](std::uint32_t t) { return module_.results(types[t]); };
        const auto order = std::lexicographical_compare_three_way(
            params(a).begin(), params(a).end(), params(b).begin(), params(b).end());
        if (order != 0) return order;
        return std::lexicographical_compare_three_way(results(a).begin(), results(a).end(),
                                                      results(b).begin(), results(b).end());
    };
    std::vector<std::uint32_t> order(types.size());
    std::iota(order.begin(), order.end(), 0u);
    std::sort(order.begin(), order.end(), [&](std::uint32_t a, std::uint32_t b) {
        const auto by_structure = compare(a, b);
        return by_structure != 0 ? by_structure < 0 : a < b;
    });
    module_.canonical_types.resize(types.size());
    for (std::size_t i = 0; i < order.size(); ++i) {
        const bool same = i != 0 && compare(order[i - 1], order[i]) == 0;
        module_.canonical_types[order[i]] = same ? module_.canonical_types[order[i - 1]] : order[i];
    }
}

}  // namespace

Result<Module, ModuleError> decode_module(Bytes binary) {
    return Decoder(std::move(binary)).run();
}

Result<ValidModule, ModuleError> load_module(Bytes binary) {
    MILLRACE_TRY(Module module, decode_module(std::move(binary)));
    return validate(std::move(module));
}

}  // namespace millrace::vm
