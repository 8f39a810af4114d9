#include "node/blobs/trees.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <system_error>

#include "common/codec.hpp"
#include "common/page_tree.hpp"

namespace millrace::node {

namespace fs = std::filesystem;

namespace {
/// A manifest of 4,096 regions of 40 bytes, with room.
constexpr std::size_t kManifestBytesMax = 256U * 1024U;

Error tree_error(const fs::path& path, const std::string& what) {
    return Error{kBlobStoreIo, "tree store " + path.string() + ": " + what};
}

/// A whole small file, or none where there is none.
Result<std::optional<Bytes>> read(const fs::path& path) {
    const int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
    if (fd < 0 && errno == ENOENT) return std::optional<Bytes>();
    if (fd < 0) return Err{tree_error(path, std::generic_category().message(errno))};
    Bytes raw(kManifestBytesMax);
    const ssize_t got = ::read(fd, raw.data(), raw.size());
    ::close(fd);
    if (got < 0) return Err{tree_error(path, "cannot be read")};
    raw.resize(static_cast<std::size_t>(got));
    return std::optional(std::move(raw));
}

}  // namespace

BlobId blob_of(const vm::TreeRegion& region) {
    return hash_as<BlobId>(file_id(region.length, hash_as<Hash>(region.root)));
}

Result<std::unique_ptr<TreeStore>> TreeStore::open(fs::path folder, BlobStore& blobs) {
    std::error_code ec;
    fs::create_directories(folder, ec);
    if (ec) return Err{tree_error(folder, ec.message())};
    return std::unique_ptr<TreeStore>(new TreeStore(std::move(folder), blobs));
}

fs::path TreeStore::path_of(const TreeRoot& root) const {
    return folder_ / (to_hex(root.view()) + ".tree");
}

Status<> TreeStore::write(const fs::path& path, ByteView raw) {
    const fs::path fresh = path.string() + ".new";
    const std::lock_guard lock(mutex_);
    const int fd = ::open(fresh.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
    if (fd < 0) return Err{tree_error(fresh, std::generic_category().message(errno))};
    const bool is_written =
        ::write(fd, raw.data(), raw.size()) == static_cast<ssize_t>(raw.size()) && ::fsync(fd) == 0;
    ::close(fd);
    if (!is_written || ::rename(fresh.c_str(), path.c_str()) != 0)
        return Err{tree_error(path, "cannot be written; is the disk full?")};
    return Ok{};
}

Status<> TreeStore::put_tails(const vm::Tails& tails) {
    return write(folder_ / (to_hex(vm::tails_hash(tails).view()) + ".tails"), encode(tails));
}

Result<std::optional<vm::Tails>> TreeStore::find_tails(const Hash& hash) {
    MILLRACE_TRY(const std::optional<Bytes> raw, read(folder_ / (to_hex(hash.view()) + ".tails")));
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
    MILLRACE_CHECK(write(path_of(root), encode(manifest)));
    return root;
}

Result<std::optional<vm::TreeManifest>> TreeStore::find(const TreeRoot& root) {
    if (root == vm::empty_tree_root()) return std::optional(vm::TreeManifest{});
    MILLRACE_TRY(const std::optional<Bytes> raw, read(path_of(root)));
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

void TreeStore::pin(const TreeRoot& root) {
    const auto manifest = find(root);
    if (!manifest.has_value() || !*manifest) return;
    for (const vm::TreeRegion& region : (*manifest)->regions) blobs_.pin(blob_of(region));
}

void TreeStore::unpin(const TreeRoot& root) {
    const auto manifest = find(root);
    if (!manifest.has_value() || !*manifest) return;
    for (const vm::TreeRegion& region : (*manifest)->regions) blobs_.unpin(blob_of(region));
}

}  // namespace millrace::node
