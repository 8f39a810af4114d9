#pragma once

#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "common/chunk_list.hpp"
#include "vm/native/disk_tree.hpp"
#include "wallet/context.hpp"

/// Folders on their way to a node and back (docs/protocol/files.md). What comes back is checked
/// against its root: a node that lies is found out before a byte of it lies in the buyer's folder.
namespace millrace::wallet {

/// A folder of this machine, hashed.
struct LocalTree {
    vm::FolderTree folder;
    vm::TreeManifest manifest;
    /// The chunks of each region.
    std::vector<ChunkList> lists;
    TreeRoot root;
    /// What a provider has to fetch.
    std::uint64_t bytes = 0;
};
[[nodiscard]] Try<LocalTree> hash_folder(Context& context, const std::filesystem::path& folder);

/// Sends the chunks that the node does not hold yet, and registers the tree. Gives the bytes that
/// moved.
[[nodiscard]] Try<std::uint64_t> send_tree(Context& context, LocalTree& tree);

/// A plain file as a blob: its id, and the root and length that make it.
struct LocalBlob {
    std::filesystem::path path;
    Hash id;
    std::uint64_t length = 0;
    ChunkList list;
};
[[nodiscard]] Try<LocalBlob> hash_file(const std::filesystem::path& path);
/// Gives the bytes that moved.
[[nodiscard]] Try<std::uint64_t> send_blob(Context& context, const LocalBlob& blob);

/// A tree that was fetched and verified; its regions lie in `scratch` until it goes.
class RemoteTree {
  public:
    /// Fetches from any of the nodes that the context names. `scratch` is a folder of its own for
    /// this tree, removed with the object; when the fetch fails, what has come stays in it, and a
    /// later call goes on from there.
    [[nodiscard]] static Try<RemoteTree> fetch(Context& context, const TreeRoot& root,
                                               std::filesystem::path scratch,
                                               const OnBytes& on_bytes = {});
    RemoteTree(RemoteTree&& other) noexcept;
    RemoteTree& operator=(RemoteTree&&) = delete;
    ~RemoteTree();

    [[nodiscard]] const vm::TreeIndex& index() const { return index_; }
    /// Its regions and the files that they lie in, in order; one of no length has no file.
    [[nodiscard]] const vm::TreeManifest& manifest() const { return manifest_; }
    [[nodiscard]] const std::vector<std::filesystem::path>& files() const { return files_; }
    /// Writes it out; files of the same names are replaced.
    [[nodiscard]] Try<Ok> extract(const std::filesystem::path& folder);

  private:
    RemoteTree() = default;
    /// Empty once moved from.
    std::filesystem::path scratch_;
    vm::TreeManifest manifest_;
    std::vector<std::filesystem::path> files_;
    vm::TreeIndex index_;
};

}  // namespace millrace::wallet
