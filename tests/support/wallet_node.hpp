#pragma once

#include <doctest/doctest.h>

#include <fstream>
#include <map>
#include <mutex>

#include "node/blobs/store.hpp"
#include "node/rpc/server_http.hpp"
#include "node/rpc/store_blobs.hpp"
#include "tests/support/temp_dir.hpp"
#include "vm/machine/claim.hpp"
#include "vm/wasi/tree.hpp"
#include "wallet/context.hpp"

/// As much of a node as the wallet's transfers need: the real server and blob store, and the blob
/// methods over them, in this process.
namespace millrace::test {

class WalletNode {
  public:
    WalletNode()
        : store_(*node::BlobStore::open(dir_.path() / "blobs", 64U << 20U)),
          port_(*store_),
          server_({table_, port_, [] { return true; }, nullptr, nullptr, nullptr, {}}, settings()) {
        add_methods();
        REQUIRE(server_.start().has_value());
        context.node = url();
        context.quiet = true;
    }
    [[nodiscard]] std::string url() const {
        return "http://127.0.0.1:" + std::to_string(server_.port());
    }
    [[nodiscard]] wallet::Client& client() { return **context.client(); }
    [[nodiscard]] const std::filesystem::path& folder() const { return dir_.path(); }
    [[nodiscard]] node::BlobStore& store() { return *store_; }
    /// Overwrites a stored blob's bytes on the disk, as a lying node would.
    void damage(const node::BlobId& id) {
        const auto found = store_->find(id);
        REQUIRE(found.has_value());
        std::filesystem::permissions(found->path, std::filesystem::perms::owner_all);
        std::fstream file(found->path, std::ios::in | std::ios::out | std::ios::binary);
        file.put('!');
    }
    void stop() { server_.stop(); }
    std::map<TreeRoot, vm::TreeManifest>& trees() { return trees_; }

    wallet::Context context;
    /// What it answers for a claim's hash of its tails; filled before the first call.
    std::map<Hash, vm::Tails> tails;

  private:
    struct IdParams {
        node::BlobId id;
    };
    BOOST_DESCRIBE_CLASS(IdParams, (), (id), (), ())
    struct Have {
        bool is_here = false;
        std::uint64_t size = 0;
    };
    BOOST_DESCRIBE_CLASS(Have, (), (is_here, size), (), ())
    struct Told {
        node::BlobId id;
        bool is_here = false;
        std::uint32_t unlooked = 0;
        std::vector<node::ChunkSpan> missing;
    };
    BOOST_DESCRIBE_CLASS(Told, (), (id, is_here, unlooked, missing), (), ())
    struct PutTree {
        vm::TreeManifest manifest;
    };
    BOOST_DESCRIBE_CLASS(PutTree, (), (manifest), (), ())
    struct RootAnswer {
        TreeRoot root;
    };
    BOOST_DESCRIBE_CLASS(RootAnswer, (), (root), (), ())

    static node::rpc::HttpSettings settings() {
        node::rpc::HttpSettings out;
        out.port = 0;
        return out;
    }

    void add_methods() {
        using node::rpc::RpcCode;
        using node::rpc::RpcError;
        table_.add<IdParams>("blob_have", "", nullptr,
                             [this](const IdParams& p) -> Result<Have, RpcError> {
                                 const auto found = store_->find(p.id);
                                 return Have{found.has_value(), found ? found->size : 0};
                             });
        table_.add<IdParams>("blob_chunks", "", nullptr,
                             [this](const IdParams& p) -> Result<ChunkList, RpcError> {
                                 const auto list = store_->chunks(p.id);
                                 if (list.has_value() && *list) return **list;
                                 return Err{RpcError{RpcCode::not_found, "not here"}};
                             });
        table_.add<ChunkList>(
            "blob_announce", "", nullptr, [this](const ChunkList& list) -> Result<Told, RpcError> {
                const auto got = store_->announce(list);
                if (!got.has_value())
                    return Err{RpcError{RpcCode::storage_full, got.error().message}};
                return Told{got->id, got->is_here, got->unlooked, got->missing};
            });
        table_.add<PutTree>("blob_put_tree", "", nullptr,
                            [this](const PutTree& p) -> Result<RootAnswer, RpcError> {
                                const std::lock_guard lock(mutex_);
                                const TreeRoot root = vm::tree_root(p.manifest);
                                trees_[root] = p.manifest;
                                return RootAnswer{root};
                            });
        table_.add<TailsParams>("blob_get_tails", "", nullptr,
                                [this](const TailsParams& p) -> Result<vm::Tails, RpcError> {
                                    const auto found = tails.find(p.tails);
                                    if (found == tails.end())
                                        return Err{RpcError{RpcCode::not_found, "no tails"}};
                                    return found->second;
                                });
        table_.add<RootAnswer>(
            "blob_get_tree", "", nullptr,
            [this](const RootAnswer& p) -> Result<vm::TreeManifest, RpcError> {
                const std::lock_guard lock(mutex_);
                const auto found = trees_.find(p.root);
                if (found == trees_.end())
                    return Err{RpcError{RpcCode::not_found, "this node does not hold that tree"}};
                return found->second;
            });
    }

    struct TailsParams {
        Hash tails;
    };
    BOOST_DESCRIBE_CLASS(TailsParams, (), (tails), (), ())

    TempDir dir_;
    std::unique_ptr<node::BlobStore> store_;
    node::rpc::StoreBlobs port_;
    node::rpc::MethodTable table_;
    std::mutex mutex_;
    std::map<TreeRoot, vm::TreeManifest> trees_;
    node::rpc::HttpServer server_;
};

}  // namespace millrace::test
