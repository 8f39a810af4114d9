#pragma once

#include <boost/describe.hpp>
#include <cstdint>
#include <optional>

#include "market/auction/clearing.hpp"

/// What a job would pay now. Source: docs/protocol/auction.md, "Quotes".
namespace millrace::market {

/// A question to the market; what a job would demand, without a job.
struct QuoteRequest {
    Requirement requirement;
    std::uint32_t lots = 1;     ///< chunks; with replicas each counts so many times
    std::uint8_t replicas = 1;  ///< at least 1
    std::uint32_t spread_cap = 0;
    Gas task_gas;
    std::uint64_t task_bytes = 0;
    Amount lot_value;                ///< as in `BidOrder`; 0 asks for no stake beyond the reserve
    std::uint64_t stake_factor = 0;  ///< as in `BidOrder`
    Price limit{kPriceBound - 1};    ///< the limit that the job would carry
    friend bool operator==(const QuoteRequest&, const QuoteRequest&) = default;
};
BOOST_DESCRIBE_STRUCT(QuoteRequest, (),
                      (requirement, lots, replicas, spread_cap, task_gas, task_bytes, lot_value,
                       stake_factor, limit))

struct Quote {
    std::uint32_t lots = 0;  ///< that would be leased in the next clearing
    Price price;             ///< the dearest of them; 0 when there are none
    Price price_mean;        ///< over those lots, rounded up
    friend bool operator==(const Quote&, const Quote&) = default;
};
BOOST_DESCRIBE_STRUCT(Quote, (), (lots, price, price_mean))

/// The bid that a request stands for: fresh, owned by nobody, of an id that no job has.
[[nodiscard]] BidOrder probe_of(const QuoteRequest& request);

/// Clears the book with the request's bid added. Exact for the next clearing when nobody else
/// changes an order and prices do not tie (the next seed, which breaks ties, is not known yet).
/// None when the request itself could not be a bid. Cost: one clearing; the caller limits how
/// often.
[[nodiscard]] std::optional<Quote> quote(Book book, const QuoteRequest& request,
                                         const ClearingLimits& limits);

}  // namespace millrace::market
