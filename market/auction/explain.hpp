#pragma once

#include <array>
#include <boost/describe.hpp>
#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

#include "market/auction/classes.hpp"
#include "market/auction/clearing.hpp"

/// Why an order was left out, computed when asked and never stored.
/// Source: docs/protocol/auction.md, "Reasons".
namespace millrace::market {

namespace detail {
struct Aftermath;
}

enum class Reason : std::uint8_t {
    below_price = 1,       ///< `by` says how far off the price is
    no_capable_ask = 2,    ///< `demand` says which requirement excludes most; of an ask: no job
    all_busy = 3,          ///< every slot that would do is taken by leases or by earlier bids
    capped = 4,            ///< the spread cap, or every open chunk is with that provider already
    denied = 5,            ///< a list of either side, or the job's own of failed providers
    min_fill = 6,          ///< ended below its minimum first fill, or sits out for that
    not_yet_eligible = 7,  ///< under notice, or paused
    class_limit = 8,       ///< its class is beyond the 256 of a clearing
    work_limit = 9,        ///< the clearing reached its bounds first; it waits in order
    stake = 10,            ///< the provider's free stake does not cover one lot
    self = 11,             ///< the same account on both sides
    expired = 12,
};
BOOST_DESCRIBE_ENUM(Reason, below_price, no_capable_ask, all_busy, capped, denied, min_fill,
                    not_yet_eligible, class_limit, work_limit, stake, self, expired)

struct Explanation {
    std::uint32_t filled = 0;      ///< lots of it that traded in this clearing
    std::uint32_t left = 0;        ///< lots of it that did not
    std::optional<Reason> reason;  ///< why those did not; none when nothing is left
    /// With `below_price`: a bid's limit this much higher, or an ask's price to buyers this much
    /// lower, would have traded, all else equal and ties aside.
    Price by;
    std::optional<Demand> demand;  ///< with `no_capable_ask`, unless the other side was empty
    friend bool operator==(const Explanation&, const Explanation&) = default;
};
BOOST_DESCRIBE_STRUCT(Explanation, (), (filled, left, reason, by, demand))

/// Answers for all orders of one clearing. `book` and `clearing` must outlive it.
/// Cost: O(n log n) to make, O(n) an answer; for RPC, not for block execution.
class Explainer {
  public:
    Explainer(const Book& book, const Hash& seed, const Clearing& clearing);

    /// None when the book has no such bid.
    [[nodiscard]] std::optional<Explanation> bid(const JobId& id) const;
    /// None when the book has no such ask.
    [[nodiscard]] std::optional<Explanation> ask(const AccountId& provider) const;

  private:
    std::shared_ptr<const detail::Aftermath> after_;
};

}  // namespace millrace::market
