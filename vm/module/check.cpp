#include "vm/module/check.hpp"

#include <algorithm>

#include "vm/module/cursor.hpp"
#include "vm/module/names.hpp"
#include "vm/module/proposals.hpp"
#include "vm/module/reader.hpp"

namespace millrace::vm {

namespace {

constexpr std::array<std::string_view, 14> kSectionNames{
    "custom", "type",  "import",  "function", "table", "memory",     "global",
    "export", "start", "element", "code",     "data",  "data count", "tag"};

/// Name of the section around an offset; walks section heads only.
std::string section_at(const Bytes& binary, std::uint32_t offset) {
    constexpr std::uint32_t kHeaderSize = 8;
    if (binary.size() < kHeaderSize) return {};
    ByteCursor in(ByteView{binary}.subspan(kHeaderSize), kHeaderSize);
    while (!in.failed() && !in.at_end()) {
        const std::uint32_t begin = in.offset();
        const std::uint8_t id = in.u8();
        const std::uint32_t size = in.u32();
        if (offset < begin) break;
        const bool inside = offset < in.offset() || offset - in.offset() < size;
        in.take(size);
        if ((inside || in.failed()) && id < kSectionNames.size())
            return std::string{kSectionNames.at(id)};
    }
    return {};
}

std::string mnemonic_at(const Bytes& binary, std::uint32_t offset) {
    ByteCursor in(ByteView{binary}.subspan(offset), offset);
    const std::uint8_t byte = in.u8();
    std::uint8_t prefix = 0;
    std::uint32_t code = byte;
    if (byte >= kPrefixGc && byte <= kPrefixThreads) {
        prefix = byte;
        code = in.u32();
    }
    if (in.failed()) return {};
    if (const auto op = find_opcode(prefix, code)) return std::string{info(*op).text};
    ProposalOp found = find_proposal(prefix, code);
    return found.rule == ModuleRule::illegal_opcode ? std::string{} : std::move(found.mnemonic);
}

/// The instruction that contains `offset`; none when it lies in the local declarations.
std::string instruction_at(const Module& module, FunctionBody body, std::uint32_t offset) {
    LocalReader locals(module.bytes(body), body.offset);
    LocalRun run;
    while (locals.next(run)) {
    }
    if (locals.failed() || offset < locals.offset()) return {};
    const std::uint32_t begin = locals.offset();
    InstructionReader reader(module.bytes({begin, body.offset + body.size - begin}), begin);
    Instruction instruction;
    instruction.offset = begin;
    while (reader.next(instruction) && reader.offset() <= offset) {
    }
    return instruction.offset <= offset ? mnemonic_at(module.binary, instruction.offset)
                                        : std::string{};
}

void locate_function(const Bytes& binary, Diagnosis& out) {
    const auto decoded = decode_module(binary);
    if (!decoded.has_value()) return;  // then the error lies before any body
    const Module& module = *decoded;
    const std::uint32_t offset = out.error.offset;
    const auto after = std::upper_bound(
        module.bodies.begin(), module.bodies.end(), offset,
        [](std::uint32_t value, const FunctionBody& body) { return value < body.offset; });
    if (after == module.bodies.begin()) return;
    const FunctionBody body = *std::prev(after);
    // The end counts as inside: there a missing `end` is found.
    if (offset - body.offset > body.size) return;
    out.function = module.imported_functions +
                   static_cast<std::uint32_t>(std::prev(after) - module.bodies.begin());
    out.function_name = function_name(module, *out.function);
    out.instruction = instruction_at(module, body, offset);
}

void use(ModuleReport& report, Feature feature) {
    report.features.at(static_cast<std::size_t>(feature)) = true;
}

void scan_bodies(const Module& module, ModuleReport& report) {
    const auto count = static_cast<std::uint32_t>(module.functions.size());
    Instruction instruction;
    for (std::uint32_t f = module.imported_functions; f < count; ++f) {
        const FunctionBody body = module.body(f);
        report.code_size += body.size;
        if (body.size > report.largest_function_size) {
            report.largest_function = f;
            report.largest_function_size = body.size;
        }
        InstructionReader reader = InstructionReader::of_function(module, f);
        while (reader.next(instruction)) {
            ++report.instructions;
            use(report, info(instruction.op).feature);
            if (instruction.block.kind == BlockType::Kind::type &&
                info(instruction.op).immediate == Immediate::block_type)
                use(report, Feature::multi_value);
        }
    }
}

void scan_declarations(const Module& module, ModuleReport& report) {
    use(report, Feature::mvp);
    for (const FuncType& type : module.types)
        if (type.result_count > 1) use(report, Feature::multi_value);
    if (std::any_of(module.type_pool.begin(), module.type_pool.end(), is_reference))
        use(report, Feature::reference_types);
    for (std::uint32_t g = 0; g < module.imported_globals; ++g)
        if (module.globals[g].type.is_mutable) use(report, Feature::mutable_globals);
    for (const Export& entry : module.exports)
        if (entry.kind == ExternKind::global && module.globals[entry.index].type.is_mutable)
            use(report, Feature::mutable_globals);
    if (module.tables.size() > 1) use(report, Feature::reference_types);
    const auto is_passive = [](const auto& segment) { return segment.mode != SegmentMode::active; };
    if (module.data_count || std::any_of(module.data.begin(), module.data.end(), is_passive) ||
        std::any_of(module.elements.begin(), module.elements.end(), is_passive))
        use(report, Feature::bulk_memory);
}

}  // namespace

Diagnosis diagnose(const Bytes& binary, const ModuleError& error) {
    Diagnosis out;
    out.error = error;
    out.section = section_at(binary, error.offset);
    out.advice = avoid_with(error.rule);
    locate_function(binary, out);
    return out;
}

ModuleReport make_report(const ValidModule& valid) {
    const Module& module = *valid;
    ModuleReport report;
    report.size = module.binary.size();
    report.functions = static_cast<std::uint32_t>(module.bodies.size());
    report.import_count = static_cast<std::uint32_t>(module.imports.size());
    report.export_count = static_cast<std::uint32_t>(module.exports.size());
    report.tables = static_cast<std::uint32_t>(module.tables.size());
    report.globals = static_cast<std::uint32_t>(module.globals.size());
    if (!module.memories.empty()) report.memory = module.memories.front().limits;
    for (const DataSegment& segment : module.data) report.data_size += segment.bytes.size;
    for (const Import& entry : module.imports) {
        if (report.imports.size() == kMissingListedMax) break;
        report.imports.push_back(std::string{module.text(entry.module)} + "." +
                                 std::string{module.text(entry.name)});
    }
    scan_declarations(module, report);
    scan_bodies(module, report);
    if (report.functions != 0)
        report.largest_function_name = function_name(module, report.largest_function);
    if (auto profile = check_profile(valid); !profile.has_value()) report.profile = profile.error();
    return report;
}

Result<ModuleReport, Diagnosis> check_module(const Bytes& binary) {
    const auto loaded = load_module(binary);
    if (!loaded.has_value()) return Err{diagnose(binary, loaded.error())};
    return make_report(*loaded);
}

std::string to_text(const Diagnosis& diagnosis) {
    std::string out = "refused: " + diagnosis.error.sentence() + "\n";
    if (!diagnosis.section.empty()) out += "  section:     " + diagnosis.section + "\n";
    if (diagnosis.function) {
        out += "  function:    " + std::to_string(*diagnosis.function);
        if (!diagnosis.function_name.empty())
            out += " \"" + printable(diagnosis.function_name) + "\"";
        out += "\n";
    }
    if (!diagnosis.instruction.empty()) out += "  instruction: " + diagnosis.instruction + "\n";
    if (!diagnosis.advice.empty()) out += "  to avoid it: " + diagnosis.advice + "\n";
    return out;
}

std::string_view to_text(Feature feature) {
    switch (feature) {
        case Feature::mvp:
            return "mvp";
        case Feature::mutable_globals:
            return "mutable-globals";
        case Feature::sign_extension:
            return "sign-ext";
        case Feature::saturating_conversions:
            return "nontrapping-fptoint";
        case Feature::multi_value:
            return "multivalue";
        case Feature::bulk_memory:
            return "bulk-memory";
        case Feature::reference_types:
            return "reference-types";
    }
    return "?";
}

std::string to_text(const ModuleReport& report) {
    std::string out =
        report.profile ? "valid WebAssembly, but no Millrace program\n" : "accepted\n";
    const auto line = [&](std::string_view name, const std::string& value) {
        out += "  ";
        out += name;
        out += std::string(13 - std::min<std::size_t>(name.size(), 12), ' ') + value + "\n";
    };
    line("size:", std::to_string(report.size) + " bytes, code " + std::to_string(report.code_size) +
                      ", data " + std::to_string(report.data_size));
    line("functions:", std::to_string(report.functions) + " with " +
                           std::to_string(report.instructions) + " instructions, the largest " +
                           std::to_string(report.largest_function_size) +
                           " bytes: " + std::to_string(report.largest_function) + " \"" +
                           printable(report.largest_function_name) + "\"");
    std::string imports = std::to_string(report.import_count);
    for (const std::string& name : report.imports) imports += "\n               " + printable(name);
    line("imports:", imports);
    line("exports:", std::to_string(report.export_count));
    if (report.memory)
        line("memory:",
             std::to_string(report.memory->min) + " pages of 64 KiB, at most " +
                 (report.memory->max ? std::to_string(*report.memory->max) : std::string{"65536"}));
    std::string features;
    for (std::size_t f = 0; f < report.features.size(); ++f)
        if (report.features.at(f)) {
            if (!features.empty()) features += ", ";
            features += to_text(static_cast<Feature>(f));
        }
    line("features:", features);
    if (report.profile) out += report.profile->text();
    return out;
}

}  // namespace millrace::vm
