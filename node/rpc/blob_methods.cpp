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
struct MissingParams {
    BoundedVector<Hash, kChunksMax> chunks;
};
BOOST_DESCRIBE_STRUCT(MissingParams, (), (chunks))
struct MissingAnswer {
    BoundedVector<std::uint32_t, kChunksMax> missing;
};
BOOST_DESCRIBE_STRUCT(MissingAnswer, (), (missing))
using Spans = BoundedVector<ChunkSpan, kChunksMax>;
struct AnnounceAnswer {
    BlobId id;
    bool is_here = false;
    std::uint32_t unlooked = 0;
    Spans missing;
};
BOOST_DESCRIBE_STRUCT(AnnounceAnswer, (), (id, is_here, unlooked, missing))
struct StatusAnswer {
    bool is_here = false;
    bool is_arriving = false;
    bool is_held = false;
    std::uint64_t size = 0;
    Spans missing;
};
BOOST_DESCRIBE_STRUCT(StatusAnswer, (), (is_here, is_arriving, is_held, size, missing))
struct JobParams {
    JobId job;
};
BOOST_DESCRIBE_STRUCT(JobParams, (), (job))
struct UnpinAnswer {
    bool was_pinned = false;
};
BOOST_DESCRIBE_STRUCT(UnpinAnswer, (), (was_pinned))
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

Err<RpcError> store_error(const Error& error) {
    switch (error.code) {
        case kBlobStoreFull:
        case kPinTooMany:
            return Err{RpcError{RpcCode::storage_full, error.message}};
        case kBlobBadList:
            return Err{RpcError{RpcCode::invalid_params, error.message}};
        case kPinNoJob:
            return no_such(error.message);
        case kBlobStopping:
            return Err{RpcError{RpcCode::not_available, error.message}};
        default:
            return Err{RpcError{RpcCode::internal_error, error.message}};
    }
}

/// Blobs on their way here and back by chunks.
void add_chunk_methods(MethodTable& table, const NodeApi& api) {
    namespace json = boost::json;
    const std::string no_hash(64, '0');
    table.add<BlobParams>(
        "blob_status",
        "What this node knows of a blob: whether it is here, arriving, kept from eviction, and "
        "which chunks of 1 MiB are still to come.",
        json::object{{"id", no_hash}},
        [&api](const BlobParams& params) -> Result<StatusAnswer, RpcError> {
            BlobStore::State state = api.blobs.state(params.id);
            return StatusAnswer{state.is_here, state.is_arriving, state.is_held, state.size,
                                Spans(std::move(state.missing))};
        });
    table.add<MissingParams>(
        "blob_missing",
        "Which of these chunks, by the roots of their 1 MiB subtrees, no blob of this node has: "
        "their places in the list.",
        json::object{{"chunks", json::array{no_hash}}},
        [&api](const MissingParams& params) -> Result<MissingAnswer, RpcError> {
            return MissingAnswer{api.blobs.missing(params.chunks)};
        });
    table
        .add<ChunkList>(
            "blob_announce",
            "Reserves room for a blob by its length and the roots of its chunks, takes what other "
            "blobs have of it, and answers what is to be sent by PUT /blob/ID. Call again while "
            "unlooked is above 0, and after a break.",
            json::object{{"length", 0}, {"chunks", json::array{}}},
            [&api](const ChunkList& list) -> Result<AnnounceAnswer, RpcError> {
                auto got = api.blobs.announce(list);
                if (!got.has_value()) return store_error(got.error());
                return AnnounceAnswer{got->id, got->is_here, got->unlooked,
                                      Spans(std::move(got->missing))};
            })
        .needs(Scope::submit)
        .slow()
        .fails_with({RpcCode::storage_full});
    table
        .add<BlobParams>("blob_chunks",
                         "The roots of a blob's chunks of 1 MiB; the blob's id follows from them, "
                         "so they check each chunk of GET /blob/ID as it comes.",
                         json::object{{"id", no_hash}},
                         [&api](const BlobParams& params) -> Result<ChunkList, RpcError> {
                             auto list = api.blobs.chunks(params.id);
                             if (!list.has_value()) return store_error(list.error());
                             if (!*list) return no_such("this node does not hold that blob");
                             return **std::move(list);
                         })
        .slow()
        .fails_with({RpcCode::not_found})
        .example_shows(RpcCode::not_found);
}

/// What people asked to keep.
void add_pin_methods(MethodTable& table, const NodeApi& api) {
    namespace json = boost::json;
    const std::string no_hash(64, '0');
    table
        .add<JobParams>(
            "blob_pin",
            "Keeps module, input and outputs of a job on this node until blob_unpin, beyond its "
            "retention.",
            json::object{{"job", no_hash}},
            [&api](const JobParams& params) -> Result<Pins::Pin, RpcError> {
                auto pin = api.pins.pin(StateSnapshot(api.db).state(), params.job);
                if (!pin.has_value()) return store_error(pin.error());
                return *std::move(pin);
            })
        .needs(Scope::submit)
        .slow()
        .fails_with({RpcCode::not_found, RpcCode::storage_full})
        .example_shows(RpcCode::not_found);
    table
        .add<JobParams>("blob_unpin", "Lets what a job's pin kept be evicted again.",
                        json::object{{"job", no_hash}},
                        [&api](const JobParams& params) -> Result<UnpinAnswer, RpcError> {
                            const auto was = api.pins.unpin(params.job);
                            if (!was.has_value()) return store_error(was.error());
                            return UnpinAnswer{*was};
                        })
        .needs(Scope::submit)
        .slow();
    table
        .add<NoParams>("blob_pins", "Pinned jobs, and how much of their data is on this node.",
                       json::object{},
                       [&api](const NoParams&) -> Result<std::vector<Pins::Pin>, RpcError> {
                           return api.pins.list();
                       })
        .slow();
}

}  // namespace

void add_blob_methods(MethodTable& table, const NodeApi& api) {
    namespace json = boost::json;
    add_chunk_methods(table, api);
    add_pin_methods(table, api);
    table.add<BlobParams>(
        "blob_have", "Whether this node holds a blob; the bytes are at GET /blob/ID and PUT /blob.",
        json::object{{"id", std::string(64, '0')}},
        [&api](const BlobParams& params) -> Result<BlobAnswer, RpcError> {
            const auto found = api.blobs.find(params.id);
            return BlobAnswer{found.has_value(), found ? found->size : 0};
        });
    table
        .add<TreePut>("blob_put_tree",
                      "Registers a tree of files whose blobs were sent before; jobs name it by "
                      "the root answered.",
                      json::object{{"manifest", json::object{{"regions", json::array{}}}}},
                      [&api](const TreePut& params) -> Result<TreePutAnswer, RpcError> {
                          const auto root = api.trees.put(params.manifest);
                          if (!root.has_value() && root.error().code == kBlobStoreFull)
                              return store_error(root.error());
                          if (!root.has_value())
                              return Err{RpcError{RpcCode::invalid_params, root.error().message}};
                          return TreePutAnswer{*root};
                      })
        .needs(Scope::submit)
        .slow()
        .fails_with({RpcCode::storage_full});
    table
        .add<TreeParams>(
            "blob_get_tree", "The blobs of a tree of files by its root.",
            json::object{{"root", to_hex(vm::empty_tree_root().view())}},
            [&api](const TreeParams& params) -> Result<vm::TreeManifest, RpcError> {
                auto manifest = api.trees.find(params.root);
                if (!manifest.has_value())
                    return Err{RpcError{RpcCode::internal_error, manifest.error().message}};
                if (!*manifest) return no_such("this node does not hold that tree");
                return **std::move(manifest);
            })
        .slow()
        .fails_with({RpcCode::not_found});
    table
        .add<TailsParams>(
            "blob_get_tails",
            "The ends of a task's standard output and error, by the hash in its claim, in "
            "hexadecimal.",
            json::object{{"tails", to_hex(vm::tails_hash({}).view())}},
            [&api](const TailsParams& params) -> Result<vm::Tails, RpcError> {
                auto tails = api.trees.find_tails(params.tails);
                if (!tails.has_value())
                    return Err{RpcError{RpcCode::internal_error, tails.error().message}};
                if (!*tails) return no_such("this node does not hold those tails");
                return **std::move(tails);
            })
        .slow()
        .fails_with({RpcCode::not_found})
        .example_shows(RpcCode::not_found);
}

}  // namespace millrace::node::rpc
