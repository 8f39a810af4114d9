#include "vm/image/image.hpp"

#include <algorithm>
#include <cstring>

#include "common/assert.hpp"
#include "vm/image/opcodes.hpp"
#include "vm/module/limits.hpp"
#include "vm/wasi/abi.hpp"

namespace millrace::vm {

namespace {

using Page = std::array<std::uint8_t, kPageSize>;

void put_word(Bytes& bytes, std::uint64_t at, std::uint64_t word) {
    if (bytes.size() < at + 8) bytes.resize(at + 8);
    store_le<std::uint64_t>(bytes.data() + at, word);
}

std::uint64_t pages_of(std::uint64_t bytes) {
    return (bytes + kPageSize - 1) / kPageSize;
}

/// Leaves of one contiguous part; zero pages are left out.
void add_leaves(std::vector<Subtree>& out, Address base, ByteView bytes) {
    std::uint64_t index = base >> kPageBits;
    while (!bytes.empty()) {
        const std::size_t size = std::min<std::size_t>(bytes.size(), kPageSize);
        const ByteView page = bytes.first(size);
        if (std::any_of(page.begin(), page.end(), [](std::uint8_t b) { return b != 0; }))
            out.push_back({0, index, padded_page_hash(page)});
        bytes = bytes.subspan(size);
        ++index;
    }
}

/// Place and hash of every page of an image that is not zero.
std::vector<Subtree> leaves_of(const Image& image) {
    std::vector<Subtree> out;
    bool code_done = false;
    for (const ImagePart& part : image.parts) {
        if (!code_done && part.base > kCodeBase) {
            add_leaves(out, kCodeBase, image.code_bytes());
            code_done = true;
        }
        add_leaves(out, part.base, part.bytes);
    }
    if (!code_done) add_leaves(out, kCodeBase, image.code_bytes());
    for (const auto& [index, page] : image.memory)
        add_leaves(out, kMemoryBase + (index << kPageBits), {page->data(), kPageSize});
    return out;
}

/// Builds an image part by part.
class Builder {
  public:
    Builder(const ValidModule& module, const ImageOptions& options)
        : module_(module), m_(*module), options_(options) {}

    Result<Image, ImageError> build() {
        size_max_ = kImageGrowthMax * m_.binary.size() + kImageSizeFree;
        MILLRACE_CHECK(resolve_imports());
        MILLRACE_CHECK(find_entry());
        MILLRACE_CHECK(lower());
        functions();
        MILLRACE_CHECK(segments());
        globals();
        MILLRACE_CHECK(tables());
        MILLRACE_CHECK(memory());
        header();
        std::erase_if(image_.parts, [](const ImagePart& part) { return part.bytes.empty(); });
        std::sort(image_.parts.begin(), image_.parts.end(),
                  [](const ImagePart& a, const ImagePart& b) { return a.base < b.base; });
        if (!options_.for_harness) {
            if (image_.size() > size_max_) return too_large("all pages");
            image_.leaves = leaves_of(image_);
            std::vector<Subtree> leaves = image_.leaves;
            for (Subtree& leaf : leaves) leaf.index -= kImageBase >> kPageBits;
            image_.root = hash_as<ImageRoot>(join_subtrees(kImageLevels, leaves));
        }
        return std::move(image_);
    }

  private:
    static Err<ImageError> refuse(ImageRefusal refusal, std::string detail) {
        return Err{ImageError{refusal, std::move(detail)}};
    }
    static Err<ImageError> too_large(const char* what) {
        return refuse(ImageRefusal::image_too_large, what);
    }

    Status<ImageError> resolve_imports() {
        if (options_.for_harness) {
            for (std::uint32_t i = 0; i < m_.imported_functions; ++i)
                image_.host_numbers.push_back(i);
            return Ok{};
        }
        if (m_.imported_functions > kHeaderImportsMax)
            return refuse(ImageRefusal::too_many_imports, std::to_string(m_.imported_functions));
        // All that is missing is named at once, so that nobody has to ask again and again.
        std::string missing;
        std::string mistyped;
        for (const Import& import : m_.imports) {
            const std::string name = "`" + std::string{m_.text(import.module)} + "." +
                                     std::string{m_.text(import.name)} + "`";
            std::optional<HostCall> found;
            const bool is_wasi =
                import.kind == ExternKind::function && m_.text(import.module) == kWasiModule;
            if (is_wasi) found = resolve(import);
            if (found) {
                image_.host_numbers.push_back(static_cast<std::uint32_t>(*found));
                continue;
            }
            const bool known =
                is_wasi && import_refusal(m_.text(import.name)) == ImportRefusal::wrong_signature;
            std::string& list = known ? mistyped : missing;
            if (list.size() < kDetailMax) list += (list.empty() ? "" : ", ") + name;
        }
        if (!missing.empty()) return refuse(ImageRefusal::unknown_import, missing);
        if (!mistyped.empty()) return refuse(ImageRefusal::import_signature, mistyped);
        return Ok{};
    }

    [[nodiscard]] std::optional<HostCall> resolve(const Import& import) const {
        const FuncType& type = m_.function_type(import.index);
        Bytes params;
        Bytes results;
        for (const ValType param : m_.params(type))
            params.push_back(static_cast<std::uint8_t>(param));
        for (const ValType result : m_.results(type))
            results.push_back(static_cast<std::uint8_t>(result));
        return find_import(m_.text(import.name), params, results);
    }

    Status<ImageError> find_entry() {
        if (options_.for_harness) return Ok{};
        for (const Export& entry : m_.exports)
            if (entry.kind == ExternKind::function && m_.text(entry.name) == "_start")
                image_.entry = entry.index;
        if (!image_.entry) return refuse(ImageRefusal::no_entry, "");
        const FuncType& type = m_.function_type(*image_.entry);
        if (type.param_count != 0 || type.result_count != 0)
            return refuse(ImageRefusal::entry_signature, "");
        return Ok{};
    }

    Status<ImageError> lower() {
        LowerOptions lowering;
        lowering.host_numbers = image_.host_numbers;
        lowering.function_reference_base = options_.function_reference_base;
        lowering.words_max = std::min(kCodeWordsMax, size_max_ / 8);
        MILLRACE_TRY(LoweredCode code, lower_code(module_, image_.entry, lowering));
        image_.code = std::move(code.words);
        image_.functions = std::move(code.functions);
        return Ok{};
    }

    void functions() {
        ImagePart part{kFunctionTable, {}};
        part.bytes.reserve(image_.functions.size() * kFunctionRecordSize);
        for (const FunctionRecord& record : image_.functions) {
            const std::uint64_t at = part.bytes.size();
            put_word(part.bytes, at, word::halves(record.entry, record.frame_slots));
            put_word(part.bytes, at + 8, word::halves(record.param_count, record.result_count));
            put_word(part.bytes, at + 16, word::halves(record.local_count, record.type_id));
            put_word(part.bytes, at + 24, 0);
        }
        image_.parts.push_back(std::move(part));
    }

    /// Passive segments with their contents; the others count as dropped from the start.
    Status<ImageError> segments() {
        ImagePart data{kDataSegments, Bytes(m_.data.size() * kSegmentRecordSize)};
        ImagePart flags{kSegmentFlags, Bytes(m_.data.size())};
        for (std::size_t i = 0; i < m_.data.size(); ++i) {
            const DataSegment& segment = m_.data[i];
            if (segment.mode != SegmentMode::passive) {
                flags.bytes[i] = 1;
                continue;
            }
            const ByteView bytes = m_.bytes(segment.bytes);
            put_word(data.bytes, i * kSegmentRecordSize, data.bytes.size());
            put_word(data.bytes, i * kSegmentRecordSize + 8, bytes.size());
            data.bytes.insert(data.bytes.end(), bytes.begin(), bytes.end());
        }
        ImagePart elements{kElementSegments, Bytes(m_.elements.size() * kSegmentRecordSize)};
        ImagePart element_flags{kElementFlags, Bytes(m_.elements.size())};
        for (std::size_t i = 0; i < m_.elements.size(); ++i) {
            const ElementSegment& segment = m_.elements[i];
            if (segment.mode != SegmentMode::passive) {
                element_flags.bytes[i] = 1;
                continue;
            }
            put_word(elements.bytes, i * kSegmentRecordSize, elements.bytes.size());
            put_word(elements.bytes, i * kSegmentRecordSize + 8, segment.item_count);
            for (const ElementItem& item : m_.items(segment))
                put_word(elements.bytes, elements.bytes.size(), reference(item));
            // An item has at least a byte in the module, eight here.
            if (elements.bytes.size() > size_max_) return too_large("element segments");
        }
        image_.parts.push_back(std::move(data));
        image_.parts.push_back(std::move(flags));
        image_.parts.push_back(std::move(elements));
        image_.parts.push_back(std::move(element_flags));
        return Ok{};
    }

    [[nodiscard]] std::uint64_t reference(const ElementItem& item) const {
        switch (item.kind()) {
            case ElementItem::Kind::null:
                return 0;
            case ElementItem::Kind::function:
                return options_.function_reference_base + item.index() + 1;
            case ElementItem::Kind::global:
                return item.index() < options_.imported_globals.size()
                           ? options_.imported_globals[item.index()]
                           : 0;
        }
        return 0;
    }

    void globals() {
        image_.global_count = static_cast<std::uint32_t>(m_.globals.size());
        ImagePart part{kGlobalsBase, {}};
        part.bytes.resize(m_.globals.size() * kGlobalStride);
        for (std::uint32_t i = 0; i < m_.globals.size(); ++i) {
            const std::uint64_t value =
                i < m_.imported_globals
                    ? (i < options_.imported_globals.size() ? options_.imported_globals[i] : 0)
                    : constant_value(m_.globals[i].init, options_, m_.imported_globals);
            put_word(part.bytes, std::uint64_t{i} * kGlobalStride, value);
        }
        image_.parts.push_back(std::move(part));
    }

    Status<ImageError> tables() {
        if (m_.tables.size() > kImageTablesMax)
            return refuse(ImageRefusal::too_many_tables, std::to_string(m_.tables.size()));
        std::vector<ImagePart> parts;
        for (std::uint32_t t = 0; t < m_.tables.size(); ++t) {
            const Limits& limits = m_.tables[t].limits;
            if (limits.min > kTableSizeMax)
                return refuse(ImageRefusal::table_too_large, std::to_string(limits.min));
            ImagePart part{table_base(t), {}};
            put_word(part.bytes, 0, limits.min);
            put_word(part.bytes, 8, std::min(limits.max.value_or(kTableSizeMax), kTableSizeMax));
            image_.table_sizes.push_back(limits.min);
            parts.push_back(std::move(part));
        }
        if (!options_.for_harness) MILLRACE_CHECK(apply_elements(parts));
        for (ImagePart& part : parts) image_.parts.push_back(std::move(part));
        return Ok{};
    }

    Status<ImageError> apply_elements(std::vector<ImagePart>& parts) {
        std::uint64_t held = 0;
        for (std::size_t i = 0; i < m_.elements.size(); ++i) {
            const ElementSegment& segment = m_.elements[i];
            if (segment.mode != SegmentMode::active) continue;
            const std::uint64_t start =
                constant_value(segment.start, options_, m_.imported_globals);
            if (start + segment.item_count > image_.table_sizes[segment.table])
                return refuse(ImageRefusal::element_out_of_bounds, "segment " + std::to_string(i));
            if (segment.item_count == 0) continue;
            Bytes& bytes = parts[segment.table].bytes;
            const std::uint64_t end = kTableEntriesOffset + 8 * (start + segment.item_count);
            // A table of compilers is dense; one entry at its far end would cost all before it.
            if (end > bytes.size()) {
                held += end - bytes.size();
                if (held > size_max_) return too_large("tables");
                bytes.resize(end);
            }
            std::uint64_t at = kTableEntriesOffset + 8 * start;
            for (const ElementItem& item : m_.items(segment)) {
                put_word(bytes, at, reference(item));
                at += 8;
            }
        }
        return Ok{};
    }

    Status<ImageError> memory() {
        if (m_.memories.empty()) return Ok{};
        const Limits& limits = m_.memories[0].limits;
        image_.memory_pages = limits.min;
        image_.memory_pages_max =
            std::min<std::uint64_t>(limits.max.value_or(kMemoryPagesMax), kMemoryPagesMax);
        if (options_.for_harness) return Ok{};
        for (std::size_t i = 0; i < m_.data.size(); ++i) {
            const DataSegment& segment = m_.data[i];
            if (segment.mode != SegmentMode::active) continue;
            const ByteView bytes = m_.bytes(segment.bytes);
            const std::uint64_t start =
                constant_value(segment.start, options_, m_.imported_globals);
            if (start + bytes.size() > image_.memory_pages * 65'536)
                return refuse(ImageRefusal::data_out_of_bounds, "segment " + std::to_string(i));
            MILLRACE_CHECK(write_memory(start, bytes));
        }
        return Ok{};
    }

    Status<ImageError> write_memory(std::uint64_t at, ByteView bytes) {
        while (!bytes.empty()) {
            const std::uint64_t offset = at % kPageSize;
            const std::size_t chunk =
                std::min<std::size_t>(bytes.size(), static_cast<std::size_t>(kPageSize - offset));
            auto& page = image_.memory[at / kPageSize];
            if (!page) {
                page = std::make_unique<Page>();
                if (image_.memory.size() * kPageSize > size_max_) return too_large("memory");
            }
            std::memcpy(page->data() + offset, bytes.data(), chunk);
            bytes = bytes.subspan(chunk);
            at += chunk;
        }
        return Ok{};
    }

    void header() {
        ImagePart part{kImageHeader, {}};
        const auto put = [&](HeaderWord word, std::uint64_t value) {
            put_word(part.bytes, 8 * static_cast<std::uint64_t>(word), value);
        };
        put(HeaderWord::magic, kImageMagic);
        put(HeaderWord::version, kImageVersion);
        put(HeaderWord::code_words, image_.code.size());
        put(HeaderWord::function_count, image_.functions.size());
        put(HeaderWord::import_count, m_.imported_functions);
        put(HeaderWord::type_count, m_.types.size());
        put(HeaderWord::global_count, m_.globals.size());
        put(HeaderWord::table_count, m_.tables.size());
        put(HeaderWord::data_count, m_.data.size());
        put(HeaderWord::element_count, m_.elements.size());
        put(HeaderWord::memory_pages, image_.memory_pages);
        put(HeaderWord::memory_pages_max, image_.memory_pages_max);
        put(HeaderWord::start_function, m_.start ? *m_.start + std::uint64_t{1} : 0);
        put(HeaderWord::entry_function, image_.entry ? *image_.entry + std::uint64_t{1} : 0);
        put(HeaderWord::module_size, m_.binary.size());
        std::uint64_t entry_pages = 0;
        for (const std::uint64_t size : image_.table_sizes) entry_pages += table_pages(size);
        put(HeaderWord::table_pages, entry_pages);
        if (!options_.for_harness) {
            part.bytes.resize(kHeaderImports - kImageHeader + 2 * image_.host_numbers.size());
            for (std::size_t i = 0; i < image_.host_numbers.size(); ++i)
                store_le<std::uint16_t>(part.bytes.data() + (kHeaderImports - kImageHeader) + 2 * i,
                                        static_cast<std::uint16_t>(image_.host_numbers[i]));
        }
        image_.parts.push_back(std::move(part));
    }

    /// A refusal names imports up to this many characters.
    static constexpr std::size_t kDetailMax = 2'000;

    const ValidModule& module_;
    const Module& m_;
    const ImageOptions& options_;
    Image image_;
    std::uint64_t size_max_ = 0;
};

}  // namespace

Result<Image, ImageError> make_image(const ValidModule& module, const ImageOptions& options) {
    return Builder(module, options).build();
}

std::uint64_t constant_value(const ConstExpr& expression, const ImageOptions& options,
                             std::uint32_t imported_globals) {
    switch (expression.op) {
        case Opcode::ref_null:
            return 0;
        case Opcode::ref_func:
            return options.function_reference_base + expression.bits + 1;
        case Opcode::global_get:
            return expression.bits < imported_globals &&
                           expression.bits < options.imported_globals.size()
                       ? options.imported_globals[static_cast<std::size_t>(expression.bits)]
                       : 0;
        default:
            return expression.bits;
    }
}

ByteView Image::code_bytes() const {
    // NOLINTNEXTLINE(cppcoreguidelines-pro-type-reinterpret-cast): little-endian is asserted.
    return {reinterpret_cast<const std::uint8_t*>(code.data()), code.size() * 8};
}

ByteView Image::page(std::uint64_t page_index) const {
    const Address at = page_index << kPageBits;
    const auto slice = [&](Address base, ByteView bytes) -> ByteView {
        if (at < base || at - base >= bytes.size()) return {};
        const ByteView tail = bytes.subspan(static_cast<std::size_t>(at - base));
        return tail.first(std::min<std::size_t>(tail.size(), kPageSize));
    };
    if (at >= kMemoryBase) {
        const auto found = memory.find(page_index - (kMemoryBase >> kPageBits));
        if (found == memory.end()) return {};
        return {found->second->data(), kPageSize};
    }
    if (at >= kCodeBase && at < kCodeBase + kRegionSize) return slice(kCodeBase, code_bytes());
    auto after = std::upper_bound(parts.begin(), parts.end(), at,
                                  [](Address a, const ImagePart& part) { return a < part.base; });
    if (after == parts.begin()) return {};
    --after;
    return slice(after->base, after->bytes);
}

std::uint64_t Image::size() const {
    std::uint64_t pages = pages_of(code_bytes().size()) + memory.size();
    for (const ImagePart& part : parts) pages += pages_of(part.bytes.size());
    return pages * kPageSize;
}

}  // namespace millrace::vm
