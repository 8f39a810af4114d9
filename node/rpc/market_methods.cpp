#include "market/auction/explain.hpp"
#include "market/auction/quote.hpp"
#include "market/query.hpp"
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

/// A quote reads the whole book; more rows than this are not walked for one question.
constexpr std::uint32_t kBookDefault = 20;

}  // namespace

void add_market_methods(MethodTable& table, const NodeApi& api) {
    namespace json = boost::json;
    table.add<BookParams>(
        "market_book", "The top of the book, the auction's clock, and the last prices by class.",
        json::object{{"limit", kBookDefault}},
        [&api](const BookParams& params) -> Result<market::BookView, RpcError> {
            const std::size_t limit =
                std::min<std::size_t>(params.limit.value_or(kBookDefault), market::kPageMax);
            return market::book_view(StateSnapshot(api.db).state(), limit);
        });
    table.add<QuoteParams>(
        "market_quote",
        "How many of these lots the next clearing would lease, and at what price, if nobody else "
        "bids.",
        json::object{{"requirement", to_json(market::Requirement{})},
                     {"lots", 1},
                     {"replicas", 1},
                     {"task_gas", 1'000'000'000}},
        [&api](const QuoteParams& params) -> Result<market::Quote, RpcError> {
            const StateSnapshot snapshot(api.db);
            market::QuoteRequest request;
            request.requirement = params.requirement;
            request.lots = params.lots;
            request.replicas = params.replicas;
            request.spread_cap = params.spread_cap.value_or(0);
            request.task_gas = params.task_gas;
            request.task_bytes = params.task_bytes.value_or(0);
            const auto answer =
                market::quote(market::current_book(snapshot.state()), request,
                              market::clearing_limits(market::load_params(snapshot.state())));
            if (!answer)
                return Err{RpcError{RpcCode::invalid_params,
                                    "no job may ask for this: see docs/protocol/auction.md, "
                                    "\"Orders\", for the bounds"}};
            return *answer;
        });
}

}  // namespace millrace::node::rpc
