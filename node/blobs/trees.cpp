#include "node/blobs/trees.hpp"

#include <algorithm>
#include <system_error>
#include <tuple>

#include "common/codec.hpp"
#include "common/page_tree.hpp"
#include "node/storage/durable_file.hpp"

namespace millrace::node {

namespace fs = std::filesystem;

namespace {
/// A manifest of 4,096 regions of 40 bytes, with room.
constexpr std::size_t kManifestBytesMax = 256 * 1024;

Error tree_error(const fs::path& path, const std::string& what) {
    return Error{kBlobStoreIo, "tree store " + path.string() + ": " + what};
}

constexpr unsigned kMode = 0644;

constexpr const char* kTreeEnding = ".tree";
constexpr const char* kTailsEnding = ".tails";
/// Files that one write deletes at most: others wait for it meanwhile.
constexpr int kDeletesMax = 1'024;

}  // namespace

BlobId blob_of(const vm::TreeRegion& region) {
    return hash_as<BlobId>(file_id(region.length, hash_as<Hash>(region.root)));
}

Result<std::unique_ptr<TreeStore>> TreeStore::open(fs::path folder, BlobStore& blobs,
                                                   const Bounds& bounds) {
    std::unique_ptr<TreeStore> store(new TreeStore(std::move(folder), blobs, bounds));
    MILLRACE_CHECK(store->load());
    return store;
}

TreeStore::Name TreeStore::tree_name(const TreeRoot& root) {
    return {hash_as<Hash>(root), false};
}
TreeStore::Name TreeStore::tails_name(const Hash& hash) {
    return {hash, true};
}
std::optional<TreeStore::Name> TreeStore::name_of(const fs::path& file) {
    const bool is_tails = file.extension() == kTailsEnding;
    const auto raw = from_hex(file.stem().string());
    const auto hash = raw ? Hash::from(*raw) : std::nullopt;
    if (!hash || (!is_tails && file.extension() != kTreeEnding)) return std::nullopt;
    return Name{*hash, is_tails};
}
fs::path TreeStore::path_of(const Name& name) const {
    return folder_ / (to_hex(name.hash.view()) + (name.is_tails ? kTailsEnding : kTreeEnding));
}

Status<> TreeStore::load() {
    std::error_code ec;
    fs::create_directories(folder_, ec);
    if (ec) return Err{tree_error(folder_, ec.message())};
    struct Seen {
        fs::file_time_type written;
        Name name;
        std::uint64_t bytes;
    };
    std::vector<Seen> seen;
    for (const auto& file : fs::directory_iterator(folder_, ec)) {
        std::error_code gone;
        if (file.path().extension() == ".new") fs::remove(file.path(), gone);
        const auto name = name_of(file.path());
        if (!name) continue;
        const std::uint64_t bytes = file.file_size(gone);
        const auto written = file.last_write_time(gone);
        if (!gone) seen.push_back({written, *name, bytes});
    }
    if (ec) return Err{tree_error(folder_, ec.message())};
    std::sort(seen.begin(), seen.end(), [](const Seen& a, const Seen& b) {
        return std::tie(a.written, a.name) < std::tie(b.written, b.name);
    });
    const std::lock_guard lock(mutex_);
    for (const Seen& file : seen) note(file.name, file.bytes);
    return Ok{};
}

void TreeStore::note(const Name& name, std::uint64_t bytes) {
    Entry& entry = files_[name];
    const std::uint64_t before = entry.bytes;
    if (entry.written != 0) by_age_.erase(entry.written);
    entry = Entry{std::max(bytes, kFileBytesMin), ++writes_};
    by_age_.emplace(entry.written, name);
    bytes_ += entry.bytes - before;
    if (own_.contains(name)) own_bytes_ += entry.bytes - before;
}

void TreeStore::add_own(const Name& name) {
    if (!own_.insert(name).second) return;
    if (const auto file = files_.find(name); file != files_.end()) own_bytes_ += file->second.bytes;
}

/// Where retention is over for many results at once, they go a part at a time: it is enough that
/// what is here does not grow.
bool TreeStore::make_room(std::uint64_t bytes) {
    const bool may_delete = is_held_complete_ && is_pinned_complete_;
    const auto fits = [&] {
        return bytes <= bounds_.sent_bytes && bytes_ - own_bytes_ <= bounds_.sent_bytes - bytes;
    };
    const auto is_kept = [&](const Name& name) {
        return read_.contains(name) || own_.contains(name) || pinned_.contains(name);
    };
    std::uint64_t freed = 0;
    int deleted = 0;
    for (auto oldest = by_age_.begin();
         may_delete && !fits() && deleted < kDeletesMax && oldest != by_age_.end();) {
        if (is_kept(oldest->second)) {
            ++oldest;
            continue;
        }
        std::error_code ignored;
        fs::remove(path_of(oldest->second), ignored);
        const auto entry = files_.find(oldest->second);
        bytes_ -= entry->second.bytes;
        freed += entry->second.bytes;
        ++deleted;
        files_.erase(entry);
        oldest = by_age_.erase(oldest);
    }
    return fits() || (deleted == kDeletesMax && freed >= bytes);
}

Status<> TreeStore::write(const Name& name, ByteView raw, Origin origin) {
    const std::lock_guard lock(mutex_);
    // Its name says what is in it, so there is nothing to write twice, unless the disk lost it.
    const auto kept = files_.contains(name) ? read_small_file(path_of(name), kManifestBytesMax)
                                            : Result<std::optional<Bytes>>(std::nullopt);
    const bool is_there = kept.has_value() && *kept && std::ranges::equal(**kept, raw);
    if (!is_there) {
        const auto known = files_.find(name);
        const std::uint64_t before = known == files_.end() ? 0 : known->second.bytes;
        const std::uint64_t bytes = std::max<std::uint64_t>(raw.size(), kFileBytesMin);
        const bool needs_room = origin == Origin::sent && !own_.contains(name) && bytes > before;
        if (needs_room && !make_room(bytes - before))
            return Err{Error{kBlobStoreFull,
                             "tree store " + folder_.string() +
                                 ": the lists of trees that jobs need or that are pinned leave no "
                                 "room; unpin jobs, or wait for jobs to end"}};
        MILLRACE_CHECK(write_durably(path_of(name), raw, kMode));
    }
    note(name, raw.size());
    if (origin == Origin::own) add_own(name);
    return Ok{};
}

void TreeStore::hold(const std::set<TreeRoot>& read, const std::set<TreeRoot>& left,
                     const std::set<Hash>& tails, bool is_complete) {
    Names names_read;
    for (const TreeRoot& root : read) names_read.insert(tree_name(root));
    Names names_own;
    for (const TreeRoot& root : left) names_own.insert(tree_name(root));
    for (const Hash& hash : tails) names_own.insert(tails_name(hash));
    const std::lock_guard lock(mutex_);
    read_ = std::move(names_read);
    own_ = std::move(names_own);
    own_bytes_ = 0;
    for (const Name& name : own_)
        if (const auto file = files_.find(name); file != files_.end())
            own_bytes_ += file->second.bytes;
    is_held_complete_ = is_complete;
}

void TreeStore::hold_also(const TreeRoot& left, const Hash& tails) {
    const std::lock_guard lock(mutex_);
    add_own(tree_name(left));
    add_own(tails_name(tails));
}

void TreeStore::pin(const std::set<TreeRoot>& trees, const std::set<Hash>& tails,
                    bool is_complete) {
    Names names;
    for (const TreeRoot& root : trees) names.insert(tree_name(root));
    for (const Hash& hash : tails) names.insert(tails_name(hash));
    const std::lock_guard lock(mutex_);
    pinned_ = std::move(names);
    is_pinned_complete_ = is_complete;
}

bool TreeStore::has_own_room(std::size_t results) {
    const std::lock_guard lock(mutex_);
    // Where not all of the provider's is known, everything counts as such.
    const std::uint64_t own = is_held_complete_ ? own_bytes_ : bytes_;
    const std::uint64_t wanted = results * 2 * kFileBytesMin;
    return wanted <= bounds_.own_bytes && own <= bounds_.own_bytes - wanted;
}

Status<> TreeStore::put_tails(const vm::Tails& tails) {
    return write(tails_name(vm::tails_hash(tails)), encode(tails), Origin::own);
}

Result<std::optional<vm::Tails>> TreeStore::find_tails(const Hash& hash) {
    MILLRACE_TRY(const std::optional<Bytes> raw,
                 read_small_file(path_of(tails_name(hash)), kManifestBytesMax));
    if (!raw) return std::optional<vm::Tails>();
    auto tails = decode<vm::Tails>(*raw);
    if (!tails.has_value() || vm::tails_hash(*tails) != hash) return std::optional<vm::Tails>();
    return std::optional(*std::move(tails));
}

Result<TreeRoot> TreeStore::put(const vm::TreeManifest& manifest) {
    return put_from(manifest, Origin::sent);
}
Result<TreeRoot> TreeStore::put_output(const vm::TreeManifest& manifest) {
    return put_from(manifest, Origin::own);
}

Result<TreeRoot> TreeStore::put_from(const vm::TreeManifest& manifest, Origin origin) {
    for (const vm::TreeRegion& region : manifest.regions)
        if (region.length > 0 && !blobs_.find(blob_of(region)))
            return Err{tree_error(folder_, "blob " + to_hex(blob_of(region).view()) +
                                               " of the tree is not here; send it first")};
    const TreeRoot root = vm::tree_root(manifest);
    MILLRACE_CHECK(write(tree_name(root), encode(manifest), origin));
    return root;
}

Result<std::optional<vm::TreeManifest>> TreeStore::find(const TreeRoot& root) {
    if (root == vm::empty_tree_root()) return std::optional(vm::TreeManifest{});
    MILLRACE_TRY(const std::optional<Bytes> raw,
                 read_small_file(path_of(tree_name(root)), kManifestBytesMax));
    if (!raw) return std::optional<vm::TreeManifest>();
    auto manifest = decode<vm::TreeManifest>(*raw);
    // A torn or foreign file is as good as none: the root tells.
    if (!manifest.has_value() || vm::tree_root(*manifest) != root)
        return std::optional<vm::TreeManifest>();
    for (const vm::TreeRegion& region : manifest->regions)
        if (region.length > 0 && !blobs_.find(blob_of(region)))
            return std::optional<vm::TreeManifest>();
    return std::optional(*std::move(manifest));
}

Result<std::vector<BlobId>> TreeStore::blobs_of(const TreeRoot& root) {
    std::vector<BlobId> out;
    MILLRACE_TRY(const std::optional<Bytes> raw,
                 read_small_file(path_of(tree_name(root)), kManifestBytesMax));
    if (!raw) return out;
    const auto manifest = decode<vm::TreeManifest>(*raw);
    if (!manifest.has_value() || vm::tree_root(*manifest) != root) return out;
    for (const vm::TreeRegion& region : manifest->regions) out.push_back(blob_of(region));
    return out;
}

}  // namespace millrace::node
