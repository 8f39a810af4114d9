#include "market/query.hpp"
#include "node/rpc/node_api.hpp"

namespace millrace::node::rpc {

namespace {

struct ProviderParams {
    Address provider;
};
BOOST_DESCRIBE_STRUCT(ProviderParams, (), (provider))
struct ListParams {
    /// The last provider of the page before; none starts at the beginning.
    std::optional<Address> from;
    std::optional<std::uint32_t> limit;
};
BOOST_DESCRIBE_STRUCT(ListParams, (), (from, limit))
struct LeasesParams {
    Address provider;
    /// The last lease of the page before; none starts at the beginning.
    std::optional<LeaseId> from;
    std::optional<std::uint32_t> limit;
};
BOOST_DESCRIBE_STRUCT(LeasesParams, (), (provider, from, limit))
struct LeaseParams {
    LeaseId lease;
};
BOOST_DESCRIBE_STRUCT(LeaseParams, (), (lease))

constexpr std::uint32_t kPageDefault = 100;

std::size_t page(const std::optional<std::uint32_t>& limit) {
    return std::min<std::size_t>(limit.value_or(kPageDefault), market::kPageMax);
}

}  // namespace

void add_provider_methods(MethodTable& table, const NodeApi& api) {
    namespace json = boost::json;
    const std::string self = to_text(api.provider, api.network);
    table
        .add<ProviderParams>(
            "provider_get", "A provider: stake, ask, queue, record.",
            json::object{{"provider", self}},
            [&api](const ProviderParams& params) -> Result<market::ProviderView, RpcError> {
                auto view = market::provider_view(StateSnapshot(api.db).state(), params.provider);
                if (!view)
                    return no_such("no provider " + to_text(params.provider, api.network) +
                                   " is registered");
                return *std::move(view);
            })
        .fails_with({RpcCode::not_found});
    table
        .add<ListParams>(
            "provider_list", "Providers in the order of their addresses, by page.", json::object{},
            [&api](
                const ListParams& params) -> Result<std::vector<market::ProviderView>, RpcError> {
                return market::provider_list(StateSnapshot(api.db).state(), params.from,
                                             page(params.limit));
            })
        .slow();
    table
        .add<LeasesParams>(
            "provider_leases",
            "A provider's leases that have not ended, in the order of their ids, by page.",
            json::object{{"provider", self}, {"from", std::string(64, '0')}},
            [&api](const LeasesParams& params) -> Result<std::vector<market::LeaseView>, RpcError> {
                const StateSnapshot snapshot(api.db);
                // No leases is an answer about a provider, not about nobody.
                if (!market::provider_view(snapshot.state(), params.provider))
                    return no_such("no provider " + to_text(params.provider, api.network) +
                                   " is registered");
                return market::provider_leases(snapshot.state(), params.provider,
                                               page(params.limit), params.from);
            })
        .fails_with({RpcCode::not_found})
        .slow();
    table
        .add<LeaseParams>(
            "lease_get", "One lease with its clocks and money.",
            json::object{{"lease", std::string(64, '0')}},
            [&api](const LeaseParams& params) -> Result<market::LeaseView, RpcError> {
                auto view = market::lease_view(StateSnapshot(api.db).state(), params.lease);
                if (!view) return no_such("there is no such lease, or it was settled long ago");
                return *std::move(view);
            })
        .fails_with({RpcCode::not_found})
        .example_shows(RpcCode::not_found);
}

}  // namespace millrace::node::rpc
