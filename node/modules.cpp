#include "node/modules.hpp"

#include "common/page_tree.hpp"
#include "market/ledger/store.hpp"
#include "market/ledger/validators.hpp"
#include "market/query.hpp"
#include "vm/image/publish.hpp"

namespace millrace::node {

namespace {
constexpr int kErrorModule = 50;
}

Result<market::ModulePublish> LocalAnnouncer::announce(const BlobId& blob) {
    const StateSnapshot snapshot(db_);
    const market::ChainView chain = market::chain_view(snapshot.state());
    MILLRACE_TRY(std::optional<Bytes> module,
                 blobs_.read(blob, chain.params.modules.module_size_max));
    if (!module)
        return Err{
            Error{kErrorModule,
                  "blob " + to_hex(blob.view()) +
                      " is not here, or larger than a module may be; send it with PUT /blob"}};
    market::ModulePublish out;
    out.statement.chain = chain.state.chain;
    out.statement.epoch = chain.state.epoch;
    out.statement.size = module->size();
    out.statement.blob = hash_as<BlobRoot>(region_root(*module));
    out.statement.protocol_version = chain.state.protocol_version;
    auto image = vm::publish(*std::move(module));
    if (!image.has_value()) return Err{Error{kErrorModule, image.error().sentence()}};
    out.statement.image = hash_as<ImageRoot>(image->root);
    const auto validators = market::load_validators(snapshot.state());
    for (std::size_t i = 0; i < validators.size(); ++i) {
        if (validators[i].vote_key == signer_.vote_key()) {
            MILLRACE_TRY(const auto signature, signer_.sign_module(out.statement));
            out.signatures.push_back({static_cast<std::uint16_t>(i), signature});
        }
    }
    if (out.signatures.empty())
        return Err{Error{kErrorModule, "this node is no validator of the epoch and cannot sign"}};
    return out;
}

}  // namespace millrace::node
