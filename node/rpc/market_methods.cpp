#include "market/auction/quote.hpp"
#include "market/query.hpp"
#include "node/rpc/market_view.hpp"
#include "node/rpc/node_api.hpp"

namespace millrace::node::rpc {

namespace {

struct BookParams {
    std::optional<std::uint32_t> limit;
};
BOOST_DESCRIBE_STRUCT(BookParams, (), (limit))

struct QuoteParams {
    market::Requirement requirement;
    std::uint32_t lots = 1;
    std::uint8_t replicas = 1;
    std::optional<std::uint32_t> spread_cap;
    Gas task_gas;
    std::optional<std::uint64_t> task_bytes;
};
BOOST_DESCRIBE_STRUCT(QuoteParams, (),
                      (requirement, lots, replicas, spread_cap, task_gas, task_bytes))

struct ExplainParams {
    /// One of the two: whose order.
    std::optional<JobId> job;
    std::optional<Address> provider;
};
BOOST_DESCRIBE_STRUCT(ExplainParams, (), (job, provider))

struct ClearingParams {
    /// None: the newest that traded or offered anything.
    std::optional<market::ClearingNumber> number;
    std::optional<std::uint32_t> from;
    std::optional<std::uint32_t> limit;
};
BOOST_DESCRIBE_STRUCT(ClearingParams, (), (number, from, limit))
struct ClearingAnswer {
    ClearingRow clearing;
    std::vector<FillRow> fills;
    /// Give it as `from` for further fills; none when these are the last.
    std::optional<std::uint32_t> next;
};
BOOST_DESCRIBE_STRUCT(ClearingAnswer, (), (clearing, fills, next))

struct ClassHistoryParams {
    market::ClassId class_id;
    std::optional<Cursor> from;
    std::optional<std::uint32_t> limit;
};
BOOST_DESCRIBE_STRUCT(ClassHistoryParams, (), (class_id, from, limit))
struct ClassHistoryAnswer {
    market::Capability capability;
    std::vector<ClassRow> rows;
    std::optional<Cursor> next;
    Height since;
};
BOOST_DESCRIBE_STRUCT(ClassHistoryAnswer, (), (capability, rows, next, since))

/// A quote reads the whole book; more rows than this are not walked for one question.
constexpr std::uint32_t kBookDefault = 20;
constexpr std::uint32_t kPageDefault = 100;

std::size_t page(const std::optional<std::uint32_t>& limit) {
    return std::clamp<std::size_t>(limit.value_or(kPageDefault), 1, market::kPageMax);
}

template <class T>
T must(Result<T> read) {
    if (!read.has_value()) stop_on_ledger_fault(read.error());
    return *std::move(read);
}

Result<OrderAnswer, RpcError> explain(const NodeApi& api, MarketViews& views,
                                      const ExplainParams& params) {
    if (params.job.has_value() == params.provider.has_value())
        return Err{RpcError{RpcCode::invalid_params, "name either a job or a provider"}};
    const StateSnapshot snapshot(api.db);
    const MarketViewPtr view = views.at(snapshot);
    const auto answer = params.job ? explain_job(snapshot, *view, *params.job)
                                   : explain_provider(snapshot, *view, *params.provider);
    if (!answer)
        return no_such(params.job ? "there is no such job, or it was deleted after its end"
                                  : "no provider " + to_text(*params.provider, api.network) +
                                        " is registered, so nothing of it is on the market");
    return *answer;
}

Result<ClearingAnswer, RpcError> clearing(const NodeApi& api, const ClearingParams& params) {
    const StateSnapshot snapshot(api.db);
    const HistoryReader history(snapshot.db(), history_floor(api, snapshot));
    market::ClearingNumber number = market::load_chain(snapshot.state()).clearing;
    if (params.number) number = *params.number;
    std::optional<ClearingRow> row = must(history.clearing(number));
    if (!row && !params.number) row = must(history.last_clearing());
    if (!row)
        return no_such(params.number ? "this clearing has not been, had nothing to trade, or is no "
                                       "longer kept"
                                     : "no clearing has had anything to trade yet");
    const std::uint32_t from = params.from.value_or(0);
    ClearingAnswer out;
    out.fills = must(history.fills(row->clearing, from, page(params.limit) + 1));
    if (out.fills.size() > page(params.limit)) {
        out.fills.pop_back();
        out.next = from + static_cast<std::uint32_t>(out.fills.size());
    }
    out.clearing = *std::move(row);
    return out;
}

Result<ClassHistoryAnswer, RpcError> class_history(const NodeApi& api,
                                                   const ClassHistoryParams& params) {
    const StateSnapshot snapshot(api.db);
    ClassHistoryAnswer out;
    out.since = history_floor(api, snapshot);
    out.capability = market::capability_of(params.class_id);
    auto rows =
        must(HistoryReader(snapshot.db(), out.since)
                 .of_class(params.class_id, params.from.value_or(Cursor{}), page(params.limit)));
    out.rows = std::move(rows.rows);
    out.next = rows.next;
    return out;
}

}  // namespace

void add_market_methods(MethodTable& table, const NodeApi& api) {
    namespace json = boost::json;
    const auto views = std::make_shared<MarketViews>();
    table
        .add<ExplainParams>(
            "market_explain",
            "Why an order, a job's bid or a provider's ask, is not filled, and what would change "
            "it: what the next clearing would do with the orders of now.",
            json::object{{"provider", to_text(api.provider, api.network)}},
            [&api, views](const ExplainParams& params) { return explain(api, *views, params); })
        .fails_with({RpcCode::not_found})
        .slow();
    table
        .add<ClearingParams>(
            "market_clearing",
            "One clearing of the auction by its number (none: the newest that this node keeps): "
            "price, bounds and volume of each class, and by page who got how many lots at what "
            "price.",
            json::object{{"number", 1}},
            [&api](const ClearingParams& params) { return clearing(api, params); })
        .fails_with({RpcCode::not_found})
        .example_shows(RpcCode::not_found)
        .slow();
    table
        .add<ClassHistoryParams>(
            "market_history", "The clearings of one class of machines, oldest first, by page.",
            json::object{{"class_id", 0}},
            [&api](const ClassHistoryParams& params) { return class_history(api, params); })
        .slow();
    table
        .add<BookParams>("market_book",
                         "The top of the book, the auction's clock, and the last prices by class.",
                         json::object{{"limit", kBookDefault}},
                         [&api](const BookParams& params) -> Result<market::BookView, RpcError> {
                             const std::size_t limit = std::min<std::size_t>(
                                 params.limit.value_or(kBookDefault), market::kPageMax);
                             return market::book_view(StateSnapshot(api.db).state(), limit);
                         })
        .slow();
    table
        .add<QuoteParams>(
            "market_quote",
            "How many of these lots the next clearing would lease, and at what price, if nobody "
            "else "
            "bids.",
            json::object{{"requirement", to_json(market::Requirement{})},
                         {"lots", 1},
                         {"replicas", 1},
                         {"task_gas", 1'000'000'000}},
            [&api, views](const QuoteParams& params) -> Result<market::Quote, RpcError> {
                const StateSnapshot snapshot(api.db);
                const MarketViewPtr view = views->at(snapshot);
                market::QuoteRequest request;
                request.requirement = params.requirement;
                request.lots = params.lots;
                request.replicas = params.replicas;
                request.spread_cap = params.spread_cap.value_or(0);
                request.task_gas = params.task_gas;
                request.task_bytes = params.task_bytes.value_or(0);
                const auto answer =
                    market::quote(view->book, request, market::clearing_limits(view->params));
                if (!answer)
                    return Err{RpcError{RpcCode::invalid_params,
                                        "no job may ask for this: see docs/protocol/auction.md, "
                                        "\"Orders\", for the bounds"}};
                return *answer;
            })
        .slow();
}

}  // namespace millrace::node::rpc
