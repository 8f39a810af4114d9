#include "wallet/trees.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cstring>
#include <utility>

#include "vm/machine/layout.hpp"
#include "wallet/transfer.hpp"

namespace millrace::wallet {

namespace fs = std::filesystem;

namespace {

struct TreePutAnswer {
    TreeRoot root;
};
BOOST_DESCRIBE_STRUCT(TreePutAnswer, (), (root))

Hash blob_of(const vm::TreeRegion& region) {
    return file_id(region.length, Hash{region.root.bytes});
}

/// Below this a folder is read before anybody has looked.
constexpr std::uint64_t kShownBytesMin = 64U << 20U;

Failure of_error(const Error& error, Exit exit = Exit::bad_input) {
    return {exit, error.message};
}

/// Region 0 of an image, page by page.
ReadAt metadata_reader(vm::TreeImage& image) {
    return [&image](std::uint64_t offset, MutableByteView piece) -> Try<Ok> {
        vm::PageBytes page{};
        while (!piece.empty()) {
            const std::uint64_t in_page = offset % vm::kPageSize;
            const auto read = image.read_page(offset / vm::kPageSize, page);
            if (!read.has_value()) return Err{of_error(read.error())};
            const std::size_t take = std::min<std::size_t>(
                piece.size(), static_cast<std::size_t>(vm::kPageSize - in_page));
            std::memcpy(piece.data(), page.data() + in_page, take);
            piece = piece.subspan(take);
            offset += take;
        }
        return Ok{};
    };
}

/// Region `region` of a folder's image as a stream: metadata and small files, or one big file.
ReadAt region_reader(vm::FolderTree& folder, std::uint64_t region) {
    if (region == 0) return metadata_reader(folder.image);
    const auto& entries = folder.image.index().entries();
    const auto file = std::find_if(entries.begin(), entries.end(), [&](const vm::TreeEntry& entry) {
        return entry.record.kind == vm::EntryKind::file &&
               entry.record.content == region << vm::kRegionBits;
    });
    MILLRACE_ASSERT(file != entries.end());
    const std::uint64_t token =
        folder.image.token(static_cast<std::uint32_t>(file - entries.begin()));
    return [&contents = *folder.contents, token](std::uint64_t offset,
                                                 MutableByteView piece) -> Try<Ok> {
        const auto read = contents.read(token, offset, piece);
        if (!read.has_value()) return Err{of_error(read.error())};
        return Ok{};
    };
}

BlobRoot blob_root(const ChunkList& list) {
    return hash_as<BlobRoot>(*region_root(list));
}

}  // namespace

Try<LocalTree> hash_folder(Context& context, const fs::path& folder) {
    auto scanned = vm::scan_folder(folder);
    if (!scanned.has_value()) return Err{of_error(scanned.error())};
    LocalTree tree{*std::move(scanned), {}, {}, {}, 0};
    context.note(fmt::format("Reading {} ({})", folder.string(),
                             human_bytes(tree.folder.image.index().total_bytes())));
    Progress progress(context.quiet);
    const vm::TreeIndex& index = tree.folder.image.index();
    const std::uint64_t regions = index.empty() ? 0 : 1 + index.big_file_count();
    std::uint64_t total = 0;
    for (std::uint64_t k = 0; k < regions; ++k) total += tree.folder.image.region_length(k);
    for (std::uint64_t k = 0; k < regions; ++k) {
        const std::uint64_t length = tree.folder.image.region_length(k);
        MILLRACE_TRY(ChunkList list, hash_chunks(length, region_reader(tree.folder, k),
                                                 [&](std::uint64_t done, std::uint64_t) {
                                                     if (total >= kShownBytesMin)
                                                         progress.show(
                                                             "reading", tree.bytes + done, total,
                                                             human_bytes(tree.bytes + done));
                                                 }));
        tree.manifest.regions.push_back(vm::TreeRegion{blob_root(list), length});
        tree.lists.push_back(std::move(list));
        tree.bytes += length;
    }
    progress.finish();
    tree.root = vm::tree_root(tree.manifest);
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
        MILLRACE_TRY(const std::uint64_t sent,
                     send_blob_chunks(context, tree.lists[k], region_reader(tree.folder, k),
                                      [&](std::uint64_t done, std::uint64_t) {
                                          progress.show("input", seen + done, tree.bytes,
                                                        human_bytes(seen + done));
                                      }));
        moved += sent;
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
    LocalBlob blob{path, {}, fs::file_size(path, ec), {}};
    if (ec) return Err{Failure{Exit::bad_input, "cannot read " + path.string()}};
    MILLRACE_TRY(const ReadAt read, read_file_at(path));
    MILLRACE_TRY(blob.list, hash_chunks(blob.length, read));
    blob.id = *blob_id(blob.list);
    return blob;
}

Try<std::uint64_t> send_blob(Context& context, const LocalBlob& blob) {
    Progress progress(context.quiet);
    MILLRACE_TRY(const ReadAt read, read_file_at(blob.path));
    MILLRACE_TRY(
        const std::uint64_t moved,
        send_blob_chunks(context, blob.list, read, [&](std::uint64_t done, std::uint64_t total) {
            progress.show("file", done, total, human_bytes(done));
        }));
    progress.finish();
    return moved;
}

Try<RemoteTree> RemoteTree::fetch(Context& context, const TreeRoot& root, fs::path scratch,
                                  const OnBytes& on_bytes) {
    RemoteTree tree;
    MILLRACE_TRY(tree.manifest_, ask_holders<vm::TreeManifest>(
                                     context, "blob_get_tree", {{"root", to_hex(root.view())}},
                                     [&](const vm::TreeManifest& manifest) {
                                         return vm::tree_root(manifest) == root;
                                     },
                                     "the node's list of blobs is not of the tree asked for"));
    const vm::TreeManifest& manifest = tree.manifest_;
    std::error_code ec;
    fs::create_directories(scratch, ec);
    if (ec)
        return Err{Failure{Exit::failed,
                           fmt::format("cannot write to {}: {}", scratch.string(), ec.message())}};
    std::uint64_t total = 0;
    for (const vm::TreeRegion& region : manifest.regions) total += region.length;
    std::uint64_t seen = 0;
    for (std::size_t k = 0; k < manifest.regions.size(); ++k) {
        const vm::TreeRegion& region = manifest.regions[k];
        const fs::path path = scratch / (std::to_string(k) + ".region");
        tree.files_.push_back(path);
        if (region.length == 0) continue;
        MILLRACE_CHECK(fetch_blob(context, blob_of(region), region.length, path,
                                  [&](std::uint64_t done, std::uint64_t) {
                                      if (on_bytes) on_bytes(seen + done, total);
                                  }));
        seen += region.length;
    }
    // From here on it goes with the object; what was broken off stays for the next try.
    tree.scratch_ = std::move(scratch);
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
