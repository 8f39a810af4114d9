#include "node/rpc/node_api.hpp"

namespace millrace::node::rpc {

namespace {

struct BlobParams {
    BlobId id;
};
BOOST_DESCRIBE_STRUCT(BlobParams, (), (id))
struct BlobAnswer {
    bool is_here = false;
    std::uint64_t size = 0;
};
BOOST_DESCRIBE_STRUCT(BlobAnswer, (), (is_here, size))
struct TreeParams {
    TreeRoot root;
};
BOOST_DESCRIBE_STRUCT(TreeParams, (), (root))
struct TailsParams {
    Hash tails;
};
BOOST_DESCRIBE_STRUCT(TailsParams, (), (tails))
struct TreePut {
    vm::TreeManifest manifest;
};
BOOST_DESCRIBE_STRUCT(TreePut, (), (manifest))
struct TreePutAnswer {
    TreeRoot root;
};
BOOST_DESCRIBE_STRUCT(TreePutAnswer, (), (root))

}  // namespace

void add_blob_methods(MethodTable& table, const NodeApi& api) {
    namespace json = boost::json;
    table.add<BlobParams>(
        "blob_have", "Whether this node holds a blob; the bytes are at GET /blob/ID and PUT /blob.",
        json::object{{"id", std::string(64, '0')}},
        [&api](const BlobParams& params) -> Result<BlobAnswer, RpcError> {
            const auto found = api.blobs.find(params.id);
            return BlobAnswer{found.has_value(), found ? found->size : 0};
        });
    table.add<TreePut>("blob_put_tree",
                       "Registers a tree of files whose blobs were sent before; jobs name it by "
                       "the root answered.",
                       json::object{{"manifest", json::object{{"regions", json::array{}}}}},
                       [&api](const TreePut& params) -> Result<TreePutAnswer, RpcError> {
                           const auto root = api.trees.put(params.manifest);
                           if (!root.has_value())
                               return Err{RpcError{RpcCode::invalid_params, root.error().message}};
                           return TreePutAnswer{*root};
                       });
    table.add<TreeParams>(
        "blob_get_tree", "The blobs of a tree of files by its root.",
        json::object{{"root", to_hex(vm::empty_tree_root().view())}},
        [&api](const TreeParams& params) -> Result<vm::TreeManifest, RpcError> {
            auto manifest = api.trees.find(params.root);
            if (!manifest.has_value())
                return Err{RpcError{RpcCode::internal_error, manifest.error().message}};
            if (!*manifest) return no_such("this node does not hold that tree");
            return **std::move(manifest);
        });
    table.add<TailsParams>(
        "blob_get_tails",
        "The ends of a task's standard output and error, by the hash in its claim, in hexadecimal.",
        json::object{{"tails", to_hex(vm::tails_hash({}).view())}},
        [&api](const TailsParams& params) -> Result<vm::Tails, RpcError> {
            auto tails = api.trees.find_tails(params.tails);
            if (!tails.has_value())
                return Err{RpcError{RpcCode::internal_error, tails.error().message}};
            if (!*tails) return no_such("this node does not hold those tails");
            return **std::move(tails);
        });
}

}  // namespace millrace::node::rpc
