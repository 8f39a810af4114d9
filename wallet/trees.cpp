#include "wallet/trees.hpp"

#include <fmt/format.h>

#include <cstdio>
#include <cstring>
#include <utility>

#include "common/page_stream.hpp"
#include "vm/machine/layout.hpp"

namespace millrace::wallet {

namespace fs = std::filesystem;

namespace {

struct HaveAnswer {
    bool is_here = false;
    std::uint64_t size = 0;
};
BOOST_DESCRIBE_STRUCT(HaveAnswer, (), (is_here, size))
struct TreePutAnswer {
    TreeRoot root;
};
BOOST_DESCRIBE_STRUCT(TreePutAnswer, (), (root))

constexpr std::size_t kPieceBytes = 256 * 1024;

Hash blob_of(const vm::TreeRegion& region) {
    return file_id(region.length, Hash{region.root.bytes});
}

Failure of_error(const Error& error, Exit exit = Exit::bad_input) {
    return {exit, error.message};
}

Try<bool> has_blob(Client& client, const Hash& id) {
    MILLRACE_TRY(const HaveAnswer answer,
                 client.ask<HaveAnswer>("blob_have", {{"id", to_hex(id.view())}}));
    return answer.is_here;
}

/// Region `index` of an image as a stream, page by page.
ReadPiece region_reader(vm::TreePages& pages, std::uint64_t index) {
    constexpr unsigned kRegionPageBits = vm::kRegionBits - vm::kPageBits;
    return [&pages, at = std::uint64_t{0},
            first = index << kRegionPageBits](MutableByteView piece) mutable -> Try<std::size_t> {
        std::size_t done = 0;
        vm::PageBytes page{};
        while (done < piece.size()) {
            const std::uint64_t in_page = at % vm::kPageSize;
            const auto read = pages.read_page(first + at / vm::kPageSize, page);
            if (!read.has_value()) return Err{of_error(read.error())};
            const std::size_t take = std::min<std::size_t>(
                piece.size() - done, static_cast<std::size_t>(vm::kPageSize - in_page));
            std::memcpy(piece.data() + done, page.data() + in_page, take);
            done += take;
            at += take;
        }
        return done;
    };
}

Try<Hash> file_root(const fs::path& path, std::uint64_t length) {
    const std::unique_ptr<std::FILE, int (*)(std::FILE*)> file(std::fopen(path.c_str(), "rb"),
                                                               &std::fclose);
    if (!file) return Err{Failure{Exit::bad_input, "cannot read " + path.string()}};
    PageTreeHasher hasher;
    Bytes piece(kPieceBytes);
    for (;;) {
        const std::size_t got = std::fread(piece.data(), 1, piece.size(), file.get());
        if (got == 0) break;
        if (!hasher.push(ByteView(piece).first(got)))
            return Err{Failure{Exit::bad_input, path.string() + " is larger than a file may be"}};
        if (got < piece.size()) break;  // the end, or an error: both are told apart below
    }
    if (hasher.length() != length || std::ferror(file.get()) != 0)
        return Err{Failure{Exit::bad_input, path.string() + " is not as long as it was"}};
    return hasher.finish();
}

}  // namespace

Try<LocalTree> hash_folder(Context& context, const fs::path& folder) {
    auto scanned = vm::scan_folder(folder);
    if (!scanned.has_value()) return Err{of_error(scanned.error())};
    LocalTree tree{*std::move(scanned), {}, {}, 0};
    context.note(fmt::format("Reading {} ({})", folder.string(),
                             human_bytes(tree.folder.image.index().total_bytes())));
    auto manifest = vm::manifest_of(tree.folder.image);
    if (!manifest.has_value()) return Err{of_error(manifest.error())};
    tree.manifest = *std::move(manifest);
    tree.root = vm::tree_root(tree.manifest);
    for (const vm::TreeRegion& region : tree.manifest.regions) tree.bytes += region.length;
    return tree;
}

Try<std::uint64_t> send_tree(Context& context, LocalTree& tree) {
    MILLRACE_TRY(Client* const client, context.client());
    Progress progress(context.quiet);
    std::uint64_t seen = 0;
    std::uint64_t moved = 0;
    for (std::size_t k = 0; k < tree.manifest.regions.size(); ++k) {
        const vm::TreeRegion& region = tree.manifest.regions[k];
        if (region.length == 0) continue;
        const Hash id = blob_of(region);
        MILLRACE_TRY(const bool is_here, has_blob(*client, id));
        if (!is_here) {
            MILLRACE_TRY(const std::string stored,
                         client->put_stream(region.length, region_reader(tree.folder.image, k),
                                            [&](std::uint64_t done, std::uint64_t) {
                                                progress.show("input", seen + done, tree.bytes,
                                                              human_bytes(seen + done));
                                            }));
            if (stored != to_hex(id.view()))
                return Err{Failure{Exit::bad_input,
                                   "a file of the input has changed while it was sent; try again "
                                   "when nothing writes to the folder"}};
            moved += region.length;
        }
        seen += region.length;
    }
    progress.finish();
    MILLRACE_TRY(
        const TreePutAnswer answer,
        client->ask<TreePutAnswer>("blob_put_tree", {{"manifest", to_json(tree.manifest)}}));
    if (answer.root != tree.root)
        return Err{Failure{Exit::failed,
                           "the node gives the input another root than this program: "
                           "their versions differ"}};
    return moved;
}

Try<LocalBlob> hash_file(const fs::path& path) {
    std::error_code ec;
    LocalBlob blob{path, {}, fs::file_size(path, ec)};
    if (ec) return Err{Failure{Exit::bad_input, "cannot read " + path.string()}};
    MILLRACE_TRY(const Hash root, file_root(path, blob.length));
    blob.id = file_id(blob.length, root);
    return blob;
}

Try<Ok> send_blob(Context& context, const LocalBlob& blob) {
    MILLRACE_TRY(Client* const client, context.client());
    MILLRACE_TRY(const bool is_here, has_blob(*client, blob.id));
    if (is_here) return Ok{};
    MILLRACE_TRY(const std::string stored, client->put_file(blob.path));
    if (stored == to_hex(blob.id.view())) return Ok{};
    return Err{
        Failure{Exit::bad_input, blob.path.string() + " has changed while it was sent; try again"}};
}

Try<RemoteTree> RemoteTree::fetch(Context& context, const TreeRoot& root, fs::path scratch,
                                  const OnBytes& on_bytes) {
    MILLRACE_TRY(Client* const client, context.client());
    RemoteTree tree;
    MILLRACE_TRY(tree.manifest_,
                 client->ask<vm::TreeManifest>("blob_get_tree", {{"root", to_hex(root.view())}}));
    const vm::TreeManifest& manifest = tree.manifest_;
    if (vm::tree_root(manifest) != root)
        return Err{Failure{Exit::failed, "the node's list of blobs is not of the tree asked for"}};
    tree.scratch_ = std::move(scratch);
    std::error_code ec;
    fs::remove_all(tree.scratch_, ec);
    fs::create_directories(tree.scratch_, ec);
    if (ec)
        return Err{Failure{Exit::failed, fmt::format("cannot write to {}: {}",
                                                     tree.scratch_.string(), ec.message())}};
    std::uint64_t total = 0;
    for (const vm::TreeRegion& region : manifest.regions) total += region.length;
    std::uint64_t seen = 0;
    for (std::size_t k = 0; k < manifest.regions.size(); ++k) {
        const vm::TreeRegion& region = manifest.regions[k];
        const fs::path path = tree.scratch_ / (std::to_string(k) + ".region");
        tree.files_.push_back(path);
        if (region.length == 0) continue;
        const std::string id = to_hex(blob_of(region).view());
        MILLRACE_CHECK(client->get_file(id, path, [&](std::uint64_t done, std::uint64_t) {
            if (on_bytes) on_bytes(seen + done, total);
        }));
        const auto found = file_root(path, region.length);
        if (!found.has_value() || *found != Hash{region.root.bytes})
            return Err{Failure{Exit::failed,
                               fmt::format("the node's blob {} is damaged: its hash is another; "
                                           "nothing of it was kept",
                                           short_hash(id))}};
        seen += region.length;
    }
    auto pages = vm::RegionFiles::open(manifest, tree.files_);
    if (!pages.has_value()) return Err{of_error(pages.error(), Exit::failed)};
    auto index = vm::TreeIndex::read(**pages);
    if (!index.has_value()) return Err{Failure{Exit::failed, vm::to_sentence(index.error())}};
    tree.index_ = *std::move(index);
    return tree;
}

RemoteTree::RemoteTree(RemoteTree&& other) noexcept
    : scratch_(std::exchange(other.scratch_, fs::path())),
      manifest_(std::move(other.manifest_)),
      files_(std::move(other.files_)),
      index_(std::move(other.index_)) {}

RemoteTree::~RemoteTree() {
    if (scratch_.empty()) return;
    std::error_code ignored;
    fs::remove_all(scratch_, ignored);
}

Try<Ok> RemoteTree::extract(const fs::path& folder) {
    // Opened for this moment only: a merge holds thousands of trees, not of open files.
    auto pages = vm::RegionFiles::open(manifest_, files_);
    if (!pages.has_value()) return Err{of_error(pages.error(), Exit::failed)};
    const auto written = vm::extract_tree(**pages, folder);
    if (!written.has_value()) return Err{of_error(written.error(), Exit::failed)};
    return Ok{};
}

}  // namespace millrace::wallet
