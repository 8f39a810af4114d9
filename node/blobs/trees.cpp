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

std::string tree_name(const TreeRoot& root) {
    return to_hex(root.view()) + ".tree";
}
std::string tails_name(const Hash& hash) {
    return to_hex(hash.view()) + ".tails";
}
std::set<std::string> names_of(const std::set<TreeRoot>& trees, const std::set<Hash>& tails) {
    std::set<std::string> names;
    for (const TreeRoot& root : trees) names.insert(tree_name(root));
    for (const Hash& hash : tails) names.insert(tails_name(hash));
    return names;
}

}  // namespace

BlobId blob_of(const vm::TreeRegion& region) {
    return hash_as<BlobId>(file_id(region.length, hash_as<Hash>(region.root)));
}

Result<std::unique_ptr<TreeStore>> TreeStore::open(fs::path folder, BlobStore& blobs,
                                                   std::uint64_t bytes_max) {
    std::unique_ptr<TreeStore> store(new TreeStore(std::move(folder), blobs, bytes_max));
    MILLRACE_CHECK(store->load());
    return store;
}

Status<> TreeStore::load() {
    std::error_code ec;
    fs::create_directories(folder_, ec);
    if (ec) return Err{tree_error(folder_, ec.message())};
    struct Seen {
        fs::file_time_type written;
        std::string name;
        std::uint64_t bytes;
    };
    std::vector<Seen> seen;
    for (const auto& file : fs::directory_iterator(folder_, ec)) {
        std::error_code gone;
        const std::string extension = file.path().extension().string();
        if (extension == ".new") fs::remove(file.path(), gone);
        if (extension != ".tree" && extension != ".tails") continue;
        const std::uint64_t bytes = file.file_size(gone);
        const auto written = file.last_write_time(gone);
        if (!gone) seen.push_back({written, file.path().filename().string(), bytes});
    }
    if (ec) return Err{tree_error(folder_, ec.message())};
    std::sort(seen.begin(), seen.end(), [](const Seen& a, const Seen& b) {
        return std::tie(a.written, a.name) < std::tie(b.written, b.name);
    });
    const std::lock_guard lock(mutex_);
    for (const Seen& file : seen) note(file.name, file.bytes);
    return Ok{};
}

void TreeStore::note(const std::string& name, std::uint64_t bytes) {
    Entry& entry = files_[name];
    bytes_ -= entry.bytes;
    if (entry.written != 0) by_age_.erase(entry.written);
    entry = Entry{std::max(bytes, kFileBytesMin), ++writes_};
    bytes_ += entry.bytes;
    by_age_.emplace(entry.written, name);
}

bool TreeStore::make_room(std::uint64_t bytes) {
    const bool may_delete = is_held_complete_ && is_pinned_complete_;
    const auto fits = [&] { return bytes <= bytes_max_ && bytes_ <= bytes_max_ - bytes; };
    for (auto oldest = by_age_.begin(); may_delete && !fits() && oldest != by_age_.end();) {
        if (held_.contains(oldest->second) || pinned_.contains(oldest->second)) {
            ++oldest;
            continue;
        }
        std::error_code ignored;
        fs::remove(folder_ / oldest->second, ignored);
        const auto entry = files_.find(oldest->second);
        bytes_ -= entry->second.bytes;
        files_.erase(entry);
        oldest = by_age_.erase(oldest);
    }
    return fits();
}

Status<> TreeStore::write(const std::string& name, ByteView raw) {
    const std::lock_guard lock(mutex_);
    // Its name says what is in it, so there is nothing to write twice, unless the disk lost it.
    const auto kept = files_.contains(name) ? read_small_file(folder_ / name, kManifestBytesMax)
                                            : Result<std::optional<Bytes>>(std::nullopt);
    const bool is_there = kept.has_value() && *kept && std::ranges::equal(**kept, raw);
    if (!is_there) {
        const auto known = files_.find(name);
        const std::uint64_t before = known == files_.end() ? 0 : known->second.bytes;
        const std::uint64_t bytes = std::max<std::uint64_t>(raw.size(), kFileBytesMin);
        if (bytes > before && !make_room(bytes - before))
            return Err{Error{kBlobStoreFull,
                             "tree store " + folder_.string() +
                                 ": the lists of trees that jobs need or that are pinned leave no "
                                 "room; unpin jobs, or wait for jobs to end"}};
        MILLRACE_CHECK(write_durably(folder_ / name, raw, kMode));
    }
    note(name, raw.size());
    return Ok{};
}

void TreeStore::hold(const std::set<TreeRoot>& trees, const std::set<Hash>& tails,
                     bool is_complete) {
    std::set<std::string> names = names_of(trees, tails);
    const std::lock_guard lock(mutex_);
    held_ = std::move(names);
    is_held_complete_ = is_complete;
}

void TreeStore::hold_also(const TreeRoot& tree, const Hash& tails) {
    const std::lock_guard lock(mutex_);
    held_.insert(tree_name(tree));
    held_.insert(tails_name(tails));
}

void TreeStore::pin(const std::set<TreeRoot>& trees, const std::set<Hash>& tails,
                    bool is_complete) {
    std::set<std::string> names = names_of(trees, tails);
    const std::lock_guard lock(mutex_);
    pinned_ = std::move(names);
    is_pinned_complete_ = is_complete;
}

Status<> TreeStore::put_tails(const vm::Tails& tails) {
    return write(tails_name(vm::tails_hash(tails)), encode(tails));
}

Result<std::optional<vm::Tails>> TreeStore::find_tails(const Hash& hash) {
    MILLRACE_TRY(const std::optional<Bytes> raw,
                 read_small_file(folder_ / tails_name(hash), kManifestBytesMax));
    if (!raw) return std::optional<vm::Tails>();
    auto tails = decode<vm::Tails>(*raw);
    if (!tails.has_value() || vm::tails_hash(*tails) != hash) return std::optional<vm::Tails>();
    return std::optional(*std::move(tails));
}

Result<TreeRoot> TreeStore::put(const vm::TreeManifest& manifest) {
    for (const vm::TreeRegion& region : manifest.regions)
        if (region.length > 0 && !blobs_.find(blob_of(region)))
            return Err{tree_error(folder_, "blob " + to_hex(blob_of(region).view()) +
                                               " of the tree is not here; send it first")};
    const TreeRoot root = vm::tree_root(manifest);
    MILLRACE_CHECK(write(tree_name(root), encode(manifest)));
    return root;
}

Result<std::optional<vm::TreeManifest>> TreeStore::find(const TreeRoot& root) {
    if (root == vm::empty_tree_root()) return std::optional(vm::TreeManifest{});
    MILLRACE_TRY(const std::optional<Bytes> raw,
                 read_small_file(folder_ / tree_name(root), kManifestBytesMax));
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
                 read_small_file(folder_ / tree_name(root), kManifestBytesMax));
    if (!raw) return out;
    const auto manifest = decode<vm::TreeManifest>(*raw);
    if (!manifest.has_value() || vm::tree_root(*manifest) != root) return out;
    for (const vm::TreeRegion& region : manifest->regions) out.push_back(blob_of(region));
    return out;
}

}  // namespace millrace::node
