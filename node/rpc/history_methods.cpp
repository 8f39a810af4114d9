#include <algorithm>

#include "market/query.hpp"
#include "node/chain/block_store.hpp"
#include "node/rpc/node_api.hpp"

namespace millrace::node::rpc {

namespace {

constexpr std::uint32_t kPageDefault = 100;

struct AccountHistoryParams {
    Address account;
    std::optional<Cursor> from;
    std::optional<std::uint32_t> limit;
};
BOOST_DESCRIBE_STRUCT(AccountHistoryParams, (), (account, from, limit))
struct JobHistoryParams {
    JobId job;
    std::optional<Cursor> from;
    std::optional<std::uint32_t> limit;
};
BOOST_DESCRIBE_STRUCT(JobHistoryParams, (), (job, from, limit))
struct ProviderHistoryParams {
    Address provider;
    std::optional<Cursor> from;
    std::optional<std::uint32_t> limit;
};
BOOST_DESCRIBE_STRUCT(ProviderHistoryParams, (), (provider, from, limit))

struct HistoryAnswer {
    std::vector<HistoryRow> rows;
    /// Give it as `from` for the next page; none when there is nothing more yet.
    std::optional<Cursor> next;
    /// Nothing below this height is kept here.
    Height since;
};
BOOST_DESCRIBE_STRUCT(HistoryAnswer, (), (rows, next, since))

Result<HistoryAnswer, RpcError> page_of(const NodeApi& api, HistoryOf of, ByteView id,
                                        const std::optional<Cursor>& from,
                                        const std::optional<std::uint32_t>& limit) {
    const StateSnapshot snapshot(api.db);
    const Height floor = history_floor(api, snapshot);
    auto page =
        HistoryReader(snapshot.db(), floor)
            .rows(of, id, from.value_or(Cursor{}),
                  std::clamp<std::size_t>(limit.value_or(kPageDefault), 1, market::kPageMax));
    if (!page.has_value()) stop_on_ledger_fault(page.error());
    return HistoryAnswer{std::move(page->rows), page->next, floor};
}

}  // namespace

Height history_floor(const NodeApi& api, const StateSnapshot& snapshot) {
    const BlockStore blocks(snapshot.db());
    const auto head = blocks.head();
    if (!head.has_value()) stop_on_ledger_fault(head.error());
    const auto since = blocks.history_since();
    if (!since.has_value()) stop_on_ledger_fault(since.error());
    return node::history_floor((*head)->height, api.history_blocks, since->value_or(Height{}));
}

void add_history_methods(MethodTable& table, const NodeApi& api) {
    namespace json = boost::json;
    const std::string self = to_text(api.provider, api.network);
    table
        .add<AccountHistoryParams>(
            "account_history",
            "What happened to an account's balance, oldest first, by page: the sum of `in` less "
            "the sum of `out` is the balance.",
            json::object{{"account", self}},
            [&api](const AccountHistoryParams& p) {
                return page_of(api, HistoryOf::account, p.account.view(), p.from, p.limit);
            })
        .slow();
    table
        .add<JobHistoryParams>(
            "job_history",
            "What happened to a job, its chunks and leases, oldest first, by page; `in` is money "
            "paid into it, `out` what it paid or gave back.",
            json::object{{"job", std::string(64, '0')}},
            [&api](const JobHistoryParams& p) {
                return page_of(api, HistoryOf::job, p.job.view(), p.from, p.limit);
            })
        .slow();
    table
        .add<ProviderHistoryParams>(
            "provider_history",
            "What happened to a provider and its leases, oldest first, by page; `in` is pay and "
            "stake put up, `out` stake that was burnt or taken out.",
            json::object{{"provider", self}},
            [&api](const ProviderHistoryParams& p) {
                return page_of(api, HistoryOf::provider, p.provider.view(), p.from, p.limit);
            })
        .slow();
}

}  // namespace millrace::node::rpc
