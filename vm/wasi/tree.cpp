#include "vm/wasi/tree.hpp"

#include <algorithm>
#include <cstring>
#include <map>

#include "common/page_stream.hpp"

namespace millrace::vm {

namespace {

constexpr unsigned kTreeLevels = kSuperregionBits - kPageBits;
constexpr std::uint64_t kPagesPerRegion = kRegionSize / kPageSize;

bool name_is_sound(std::string_view name) {
    if (name.empty() || name.size() > kNameMax || name == "." || name == "..") return false;
    return name.find('/') == std::string_view::npos && name.find('\0') == std::string_view::npos;
}

/// Order of paths in which a directory comes directly before all that lies below it, and names
/// compare as bytes: the slash sorts before every other byte.
bool path_less(std::string_view a, std::string_view b) {
    const auto rank = [](char c) {
        return c == '/' ? 0 : 1 + static_cast<int>(static_cast<unsigned char>(c));
    };
    return std::lexicographical_compare(a.begin(), a.end(), b.begin(), b.end(),
                                        [&](char x, char y) { return rank(x) < rank(y); });
}

std::string_view parent_of(std::string_view path) {
    const std::size_t slash = path.rfind('/');
    return slash == std::string_view::npos ? std::string_view{} : path.substr(0, slash);
}

std::string_view name_of(std::string_view path) {
    const std::size_t slash = path.rfind('/');
    return slash == std::string_view::npos ? path : path.substr(slash + 1);
}

std::optional<TreeRefusal> check_path(std::string_view path) {
    if (path.size() > kPathMax) return TreeRefusal::path_too_long;
    std::uint64_t depth = 0;
    for (std::string_view rest = path;;) {
        const std::size_t slash = rest.find('/');
        if (!name_is_sound(rest.substr(0, slash))) return TreeRefusal::bad_name;
        if (++depth > kDepthMax) return TreeRefusal::too_deep;
        if (slash == std::string_view::npos) return std::nullopt;
        rest.remove_prefix(slash + 1);
    }
}

Error unattached() {
    return Error{1, "the tree's contents are not attached"};
}

}  // namespace

std::string to_sentence(const TreeFault& fault) {
    const auto about = [&](std::string_view text) {
        const std::string sentence =
            fault.path.empty() ? std::string("the tree") : "'" + fault.path + "'";
        return sentence + " " + std::string(text);
    };
    switch (fault.refusal) {
        case TreeRefusal::bad_name:
            return about("is no name for a file: 1 to 255 bytes, no slash, no NUL, not . or ..");
        case TreeRefusal::path_too_long:
            return about("is longer than 4,096 bytes");
        case TreeRefusal::too_deep:
            return about("lies deeper than 64 directories");
        case TreeRefusal::duplicate:
            return about("is there twice");
        case TreeRefusal::no_parent:
            return about("lies below something that is a file");
        case TreeRefusal::file_too_big:
            return about("is larger than 4 GiB; split it");
        case TreeRefusal::too_many_entries:
            return about("has more than 1,048,576 entries; pack some of them into archives");
        case TreeRefusal::too_many_big_files:
            return about("has more than 4,095 files of 1 MiB or more; pack some of them together");
        case TreeRefusal::too_much_small:
            return about("has small files of more than 2 GiB together; pack some of them together");
        case TreeRefusal::unreadable:
            return about("cannot be read: " + fault.detail);
        case TreeRefusal::not_an_image:
            return about("is not a file-system image of version 1");
        case TreeRefusal::bad_record:
            return about("is not in normal form: the image was not made by a sound builder");
    }
    return about("is refused");
}

TreeRoot tree_root(const TreeManifest& manifest) {
    std::vector<Subtree> parts;
    parts.reserve(manifest.regions.size());
    for (std::size_t region = 0; region < manifest.regions.size(); ++region)
        parts.push_back(Subtree{kRegionLevels, region, Hash{manifest.regions[region].root.bytes}});
    return hash_as<TreeRoot>(join_subtrees(kTreeLevels, parts));
}

TreeRoot empty_tree_root() {
    return hash_as<TreeRoot>(zero_subtree(kTreeLevels));
}

Result<TreeManifest> manifest_of(TreePages& pages) {
    TreeManifest manifest;
    PageBytes page{};
    for (std::uint64_t region = 0; region <= kBigFilesMax; ++region) {
        const std::uint64_t length = pages.region_length(region);
        if (length == 0) break;
        PageTreeHasher hasher(kRegionLevels);
        for (std::uint64_t at = 0; at < length; at += kPageSize) {
            MILLRACE_CHECK(pages.read_page(region * kPagesPerRegion + (at >> kPageBits), page));
            const bool taken = hasher.push(ByteView(page.data(), std::min(kPageSize, length - at)));
            MILLRACE_ASSERT(taken);
        }
        manifest.regions.push_back(TreeRegion{hash_as<BlobRoot>(hasher.finish()), length});
    }
    return manifest;
}

// --- TreeIndex

std::optional<TreeRefusal> TreeIndex::lay_out() {
    if (entries_.size() > kTreeEntriesMax) return TreeRefusal::too_many_entries;
    TreeRecord& root = entries_.front().record;
    root.name_offset = 0;
    root.name_length = 0;
    root.parent = 0;
    std::uint64_t cursor = names_offset(entries_.size());
    for (std::size_t i = 1; i < entries_.size(); ++i) {
        TreeEntry& entry = entries_[i];
        const std::uint64_t at = place_packed(cursor, entry.name.size());
        entry.record.name_offset = static_cast<std::uint32_t>(at);
        entry.record.name_length = static_cast<std::uint8_t>(entry.name.size());
        cursor = at + entry.name.size();
    }
    names_end_ = cursor;
    cursor = page_ceil(cursor);
    std::uint64_t inline_pages = 0;
    for (TreeEntry& entry : entries_) {
        TreeRecord& record = entry.record;
        if (record.kind != EntryKind::file || record.length == 0) continue;
        total_bytes_ += record.length;
        if (record.length >= kBigFileSize) {
            if (++big_files_ > kBigFilesMax) return TreeRefusal::too_many_big_files;
            record.content = big_files_ << kRegionBits;
        } else {
            inline_pages += pages_of(record.length);
            if (inline_pages > kInlinePagesMax) return TreeRefusal::too_much_small;
            record.content = place_packed(cursor, record.length);
            cursor = record.content + record.length;
        }
    }
    inline_end_ = cursor;
    return std::nullopt;
}

std::optional<std::uint32_t> TreeIndex::find(std::string_view path) const {
    std::uint32_t current = 0;
    while (!path.empty()) {
        const std::size_t slash = path.find('/');
        const std::string_view name = path.substr(0, slash);
        path = slash == std::string_view::npos ? std::string_view{} : path.substr(slash + 1);
        if (name.empty() || name == ".") continue;
        const TreeRecord& record = entries_[current].record;
        if (record.kind != EntryKind::directory) return std::nullopt;
        const auto first = entries_.begin() + record.first_child;
        const auto last = first + record.child_count;
        const auto found = std::lower_bound(
            first, last, name, [](const TreeEntry& e, std::string_view n) { return e.name < n; });
        if (found == last || found->name != name) return std::nullopt;
        current = static_cast<std::uint32_t>(found - entries_.begin());
    }
    return current;
}

std::string TreeIndex::path_of(std::uint32_t index) const {
    std::string path = entries_[index].name;
    for (std::uint32_t up = entries_[index].record.parent; up != 0; up = entries_[up].record.parent)
        path.insert(0, entries_[up].name + "/");
    return path;
}

Bytes TreeIndex::encode_metadata() const {
    if (empty()) return {};
    Bytes out(names_end_);
    store_le(out.data() + tree_header::magic, kTreeMagic);
    store_le(out.data() + tree_header::version_and_big, kTreeVersion | (big_files_ << 32));
    store_le(out.data() + tree_header::entries, std::uint64_t{entries_.size()});
    store_le(out.data() + tree_header::names_end, names_end_);
    store_le(out.data() + tree_header::inline_end, inline_end_);
    store_le(out.data() + tree_header::total_bytes, total_bytes_);
    for (std::size_t i = 0; i < entries_.size(); ++i) {
        const TreeEntry& entry = entries_[i];
        std::uint8_t* at = out.data() + kTreeRecords + kTreeRecordSize * i;
        for (unsigned word = 0; word < 4; ++word)
            store_le(at + std::size_t{8} * word, entry.record.word(word));
        if (!entry.name.empty())
            std::memcpy(out.data() + entry.record.name_offset, entry.name.data(),
                        entry.name.size());
    }
    return out;
}

Status<Error> read_bytes(TreePages& pages, std::uint64_t offset, MutableByteView out) {
    PageBytes page{};
    while (!out.empty()) {
        const std::uint64_t in_page = offset & (kPageSize - 1);
        const std::uint64_t size = std::min<std::uint64_t>(out.size(), kPageSize - in_page);
        MILLRACE_CHECK(pages.read_page(offset >> kPageBits, page));
        std::memcpy(out.data(), page.data() + in_page, size);
        out = out.subspan(size);
        offset += size;
    }
    return Ok{};
}

namespace {

TreeRecord record_from(const std::uint8_t* at) {
    return TreeRecord::from_words(load_le<std::uint64_t>(at), load_le<std::uint64_t>(at + 8),
                                  load_le<std::uint64_t>(at + 16), load_le<std::uint64_t>(at + 24));
}

}  // namespace

Result<TreeIndex, TreeFault> TreeIndex::read(TreePages& pages) {
    const auto refuse = [](TreeRefusal refusal, std::string path = {}) {
        return Err{TreeFault{refusal, std::move(path), {}}};
    };
    const auto unreadable = [](const Error& error) {
        return Err{TreeFault{TreeRefusal::unreadable, {}, error.message}};
    };
    TreeIndex index;
    PageBytes header{};
    if (auto got = pages.read_page(0, header); !got) return unreadable(got.error());
    if (std::all_of(header.begin(), header.end(), [](auto b) { return b == 0; })) return index;

    const auto word = [&](std::uint64_t at) { return load_le<std::uint64_t>(header.data() + at); };
    const std::uint64_t count = word(tree_header::entries);
    if (word(tree_header::magic) != kTreeMagic ||
        static_cast<std::uint32_t>(word(tree_header::version_and_big)) != kTreeVersion ||
        count < 2 || count > kTreeEntriesMax)
        return refuse(TreeRefusal::not_an_image);

    // Records and names are read as they come; then the tree is laid out anew from kinds, names and
    // lengths alone, and has to come out the same, byte by byte.
    const std::uint64_t names_at = names_offset(count);
    const std::uint64_t names_end = word(tree_header::names_end);
    // What is not there is not allocated for.
    if (names_end < names_at || names_end - names_at > kTreeEntriesMax * kPageSize / 16 ||
        names_end > page_ceil(pages.region_length(0)))
        return refuse(TreeRefusal::bad_record);
    Bytes raw(names_end);
    if (auto got = read_bytes(pages, 0, raw); !got) return unreadable(got.error());

    index.entries_.clear();
    index.entries_.reserve(count);
    std::vector<std::uint8_t> depths;
    depths.reserve(count);
    std::uint32_t next_child = 1;
    for (std::uint32_t i = 0; i < count; ++i) {
        TreeEntry entry;
        entry.record = record_from(raw.data() + kTreeRecords + kTreeRecordSize * i);
        const TreeRecord& record = entry.record;
        if (record.kind == EntryKind::none || (i == 0) != (record.name_length == 0) ||
            (i == 0 && record.kind != EntryKind::directory))
            return refuse(TreeRefusal::bad_record);
        if (i != 0) {
            const std::uint64_t at = record.name_offset;
            if (at < names_at || at + record.name_length > names_end)
                return refuse(TreeRefusal::bad_record);
            entry.name.assign(as_text(ByteView(raw.data() + at, record.name_length)));
            if (!name_is_sound(entry.name)) return refuse(TreeRefusal::bad_record);
            // Breadth first: a parent comes earlier, and has claimed this place for its child.
            if (record.parent >= i) return refuse(TreeRefusal::bad_record, entry.name);
            const TreeEntry& parent = index.entries_[record.parent];
            const std::uint32_t first = parent.record.first_child;
            if (parent.record.kind != EntryKind::directory || i < first ||
                i - first >= parent.record.child_count ||
                (i > first && !(index.entries_[i - 1].name < entry.name)))
                return refuse(TreeRefusal::bad_record, entry.name);
        }
        depths.push_back(i == 0 ? 0 : static_cast<std::uint8_t>(depths[record.parent] + 1));
        if (depths.back() > kDepthMax) return refuse(TreeRefusal::too_deep, entry.name);
        if (record.kind == EntryKind::directory) {
            const std::uint32_t expected = record.child_count == 0 ? 0 : next_child;
            if (record.first_child != expected || record.child_count > count - next_child)
                return refuse(TreeRefusal::bad_record, entry.name);
            next_child += record.child_count;
        } else if (record.length > kFileSizeMax) {
            return refuse(TreeRefusal::file_too_big, entry.name);
        }
        index.entries_.push_back(std::move(entry));
    }
    if (next_child != count) return refuse(TreeRefusal::bad_record);
    for (TreeEntry& entry : index.entries_) entry.record.content = 0;
    if (const auto refusal = index.lay_out()) return refuse(*refusal);
    if (index.encode_metadata() != raw) return refuse(TreeRefusal::bad_record);
    return index;
}

// --- TreePlan

Status<TreeFault> TreePlan::add(Item item) {
    if (const auto refusal = check_path(item.path)) return Err{TreeFault{*refusal, item.path, {}}};
    if (item.length > kFileSizeMax) return Err{TreeFault{TreeRefusal::file_too_big, item.path, {}}};
    // The root and missing parents come on top, so this only bounds memory early.
    if (items_.size() >= kTreeEntriesMax)
        return Err{TreeFault{TreeRefusal::too_many_entries, {}, {}}};
    items_.push_back(std::move(item));
    return Ok{};
}

Status<TreeFault> TreePlan::add_directory(std::string_view path) {
    return add(Item{std::string(path), 0, 0, EntryKind::directory});
}

Status<TreeFault> TreePlan::add_file(std::string_view path, std::uint64_t length,
                                     std::uint64_t token) {
    return add(Item{std::string(path), length, token, EntryKind::file});
}

Result<TreeImage, TreeFault> TreePlan::finish() && {
    const auto refuse = [](TreeRefusal refusal, std::string_view path = {}) {
        return Err{TreeFault{refusal, std::string(path), {}}};
    };
    // Missing parents: each path's ancestors, once.
    std::map<std::string, const Item*, decltype(&path_less)> by_path(&path_less);
    for (const Item& item : items_) {
        const auto [there, added] = by_path.emplace(item.path, &item);
        if (!added &&
            !(there->second->kind == EntryKind::directory && item.kind == EntryKind::directory))
            return refuse(TreeRefusal::duplicate, item.path);
    }
    static const Item made_directory{{}, 0, 0, EntryKind::directory};
    for (const Item& item : items_) {
        for (std::string_view up = parent_of(item.path); !up.empty(); up = parent_of(up)) {
            const auto [there, added] = by_path.emplace(std::string(up), &made_directory);
            if (there->second->kind != EntryKind::directory)
                return refuse(TreeRefusal::no_parent, item.path);
            if (!added) break;
        }
        if (by_path.size() >= kTreeEntriesMax) return refuse(TreeRefusal::too_many_entries);
    }

    // Breadth first: by depth, then by path, whose order keeps siblings together and sorted.
    using Row = std::pair<const std::string, const Item*>;
    std::vector<std::vector<const Row*>> by_depth(kDepthMax + 1);
    for (const Row& row : by_path)
        by_depth[static_cast<std::size_t>(std::count(row.first.begin(), row.first.end(), '/'))]
            .push_back(&row);

    TreeImage image;
    TreeIndex& index = image.index_;
    image.tokens_.push_back(0);
    std::map<std::string_view, std::uint32_t> above{{std::string_view{}, 0}};
    for (const auto& level : by_depth) {
        std::map<std::string_view, std::uint32_t> here;
        for (const Row* row : level) {
            const auto number = static_cast<std::uint32_t>(index.entries_.size());
            TreeEntry entry;
            entry.name = name_of(row->first);
            entry.record.kind = row->second->kind;
            entry.record.length = row->second->length;
            entry.record.parent = above.at(parent_of(row->first));
            TreeRecord& parent = index.entries_[entry.record.parent].record;
            if (parent.child_count++ == 0) parent.first_child = number;
            if (entry.record.kind == EntryKind::directory) here.emplace(row->first, number);
            image.tokens_.push_back(row->second->token);
            index.entries_.push_back(std::move(entry));
        }
        above = std::move(here);
    }
    if (const auto refusal = index.lay_out()) return refuse(*refusal);
    image.metadata_ = index.encode_metadata();
    for (std::uint32_t i = 0; i < index.entries_.size(); ++i) {
        const TreeRecord& record = index.entries_[i].record;
        if (record.kind != EntryKind::file || record.length == 0) continue;
        (record.length >= kBigFileSize ? image.big_files_ : image.inline_files_).push_back(i);
    }
    return image;
}

// --- TreeImage

std::uint64_t TreeImage::region_length(std::uint64_t region) const {
    if (region == 0) return index_.empty() ? 0 : index_.inline_end();
    if (region > big_files_.size()) return 0;
    return index_.entries()[big_files_[region - 1]].record.length;
}

Status<Error> TreeImage::read_inline(std::uint64_t offset, MutableByteView out) {
    const auto& entries = index_.entries();
    auto file =
        std::partition_point(inline_files_.begin(), inline_files_.end(), [&](std::uint32_t i) {
            return entries[i].record.content + entries[i].record.length <= offset;
        });
    for (; file != inline_files_.end(); ++file) {
        const TreeRecord& record = entries[*file].record;
        if (record.content >= offset + out.size()) break;
        const std::uint64_t from = std::max(offset, record.content);
        const std::uint64_t to = std::min(offset + out.size(), record.content + record.length);
        MILLRACE_CHECK(contents_->read(tokens_[*file], from - record.content,
                                       out.subspan(from - offset, to - from)));
    }
    return Ok{};
}

Status<Error> TreeImage::read_page(std::uint64_t index, MutableByteView out) {
    std::memset(out.data(), 0, out.size());
    if (contents_ == nullptr) return Err{unattached()};
    const std::uint64_t region = index / kPagesPerRegion;
    const std::uint64_t offset = (index % kPagesPerRegion) << kPageBits;
    if (region == 0) {
        if (offset < metadata_.size()) {
            std::memcpy(out.data(), metadata_.data() + offset,
                        std::min<std::uint64_t>(out.size(), metadata_.size() - offset));
            return Ok{};
        }
        return read_inline(offset, out);
    }
    const std::uint64_t length = region_length(region);
    if (offset >= length) return Ok{};
    return contents_->read(tokens_[big_files_[region - 1]], offset,
                           out.first(std::min<std::uint64_t>(out.size(), length - offset)));
}

Status<Error> read_file(TreePages& pages, const TreeRecord& file, std::uint64_t offset,
                        MutableByteView out) {
    MILLRACE_ASSERT(offset <= file.length && out.size() <= file.length - offset);
    return read_bytes(pages, file.content + offset, out);
}

}  // namespace millrace::vm
