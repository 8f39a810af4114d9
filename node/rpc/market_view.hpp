#pragma once

#include <memory>
#include <mutex>

#include "market/auction/explain.hpp"
#include "market/node_answers.hpp"
#include "market/query.hpp"
#include "node/chain/state_db.hpp"

/// What the next clearing would do with the orders of the newest final block: made once a block and
/// shared by all who ask. Source: docs/protocol/auction.md, "Reasons".
namespace millrace::node::rpc {

struct MarketView {
    BlockHash block;
    market::ChainState chain;
    market::Params params;
    market::Book book;
    market::Clearing clearing;
    std::optional<market::Explainer> explainer;
};
using MarketViewPtr = std::shared_ptr<const MarketView>;

/// Makes the view of the snapshot's head, or gives the one made before. Safe from any thread; one
/// thread makes it while others wait, because a clearing is worth more than a short wait.
class MarketViews {
  public:
    [[nodiscard]] MarketViewPtr at(const StateSnapshot& snapshot);

  private:
    std::mutex mutex_;
    MarketViewPtr last_;
};

using market::OrderAnswer;

/// None when there is no such job.
[[nodiscard]] std::optional<OrderAnswer> explain_job(const StateSnapshot& snapshot,
                                                     const MarketView& view, const JobId& id);
/// None when there is no such provider.
[[nodiscard]] std::optional<OrderAnswer> explain_provider(const StateSnapshot& snapshot,
                                                          const MarketView& view,
                                                          const Address& id);

}  // namespace millrace::node::rpc
