#include "node/rpc/market_view.hpp"

#include <algorithm>

#include "node/chain/block_store.hpp"

namespace millrace::node::rpc {

namespace {

using market::Demand;
using market::Explanation;
using market::Reason;
using market::Standing;

std::string credits(Price price) {
    return std::to_string(price.value) + " nano-credits per Ggas";
}
std::string lots(std::uint64_t count) {
    return std::to_string(count) + (count == 1 ? " lot" : " lots");
}

const char* words(Demand demand) {
    switch (demand) {
        case Demand::memory_tier:
            return "the memory tier";
        case Demand::features:
            return "the features that the module needs";
        case Demand::region:
            return "the regions";
        case Demand::stake_tier:
            return "the stake tier";
        case Demand::record_tier:
            return "the record tier";
        case Demand::tee:
            return "the trusted hardware";
        case Demand::task_size:
            return "the gas or bytes of one task";
    }
    return "a requirement";
}

OrderAnswer answer_of(const MarketView& view, const Explanation& why) {
    OrderAnswer out;
    out.filled = why.filled;
    out.left = why.left;
    out.reason = why.reason;
    out.demand = why.demand;
    out.clearing = view.chain.pending ? view.chain.pending->number
                                      : market::ClearingNumber{view.chain.clearing.value + 1};
    out.cut_off = view.chain.pending ? view.chain.pending->frozen : view.chain.next_cut_off;
    out.block = view.block;
    return out;
}

void say(OrderAnswer& out, std::string sentence, std::string advice) {
    out.sentence = std::move(sentence);
    out.advice = std::move(advice);
}

void say_bid(OrderAnswer& out, const market::BidOrder& bid, const Explanation& why) {
    if (!why.reason)
        return say(out, "The next clearing would lease all of its " + lots(why.filled) + ".",
                   "Nothing is needed; the clearing comes by itself.");
    switch (*why.reason) {
        case Reason::below_price:
            out.price_needed = Price{bid.limit.value + why.by.value};
            return say(out,
                       lots(why.left) + " wait: the limit of " + credits(bid.limit) +
                           " is below what is asked or bid by others.",
                       "A limit of at least " + credits(*out.price_needed) +
                           " would have traded (job_raise), all else equal.");
        case Reason::no_capable_ask:
            if (why.demand)
                return say(out,
                           "No provider on the market can do it; " +
                               std::string(words(*why.demand)) + " excludes most of them.",
                           "Post it with less demanded, or wait for such a provider.");
            return say(out, "No provider is on the market.", "Wait for a provider.");
        case Reason::all_busy:
            return say(out, "Every slot that could do it is taken by leases or by higher bids.",
                       "It goes on waiting in its order; a higher limit would go before others.");
        case Reason::capped:
            return say(out,
                       "Each provider that could do it has as many lots of this job as the spread "
                       "cap or its replicas allow.",
                       "Wait for further providers, or post the rest with a higher spread cap.");
        case Reason::denied:
            return say(out,
                       "The slots that it could pay are with providers that a list excludes, or "
                       "that failed this job before.",
                       "Wait for other providers, or post the rest with other lists.");
        case Reason::min_fill:
            return say(out,
                       "Fewer lots than its minimum first fill are to be had; it sits out and "
                       "tries again by itself.",
                       "Post it with a lower minimum first fill, or wait for more slots.");
        case Reason::not_yet_eligible:
            return say(out, "It takes part from a later clearing on.", "Wait.");
        case Reason::class_limit:
            return say(out, "The machines that could do it are beyond the classes of one clearing.",
                       "It goes on waiting; fewer requirements widen the choice.");
        case Reason::work_limit:
            return say(out, "The clearing's bounds on work or leases are used up before its turn.",
                       "It goes on waiting in its order; a higher limit goes first.");
        case Reason::stake:
            return say(out,
                       "The free stake of the providers that it could pay does not cover one lot.",
                       "Smaller lots (less gas a task) need less stake; or wait for a release.");
        case Reason::self:
            return say(out, "The only machines that could do it belong to the same account.",
                       "Run it with `millrace run`, or wait for another provider.");
        case Reason::expired:
            return say(out, "Its time on the market is over.", "Post it anew.");
    }
}

void say_ask(OrderAnswer& out, const market::AskOrder& ask, const Explanation& why) {
    if (!why.reason)
        return say(out, "The next clearing would lease all that it offers.",
                   "Nothing is needed; the clearing comes by itself.");
    const Price lowest = ask.steps.empty() ? Price{} : ask.steps.front().price;
    switch (*why.reason) {
        case Reason::below_price: {
            const std::uint64_t by = std::min(why.by.value, lowest.value);
            out.price_needed = Price{lowest.value - by};
            return say(out, "No bid that it could serve pays what it asks.",
                       "An ask lower by about " + credits(why.by) +
                           " to buyers would have traded, all else equal.");
        }
        case Reason::no_capable_ask:
            if (why.demand)
                return say(out,
                           "No waiting job can use it; " + std::string(words(*why.demand)) +
                               " excludes most of them.",
                           "Offer more of that, or wait for other jobs.");
            return say(out, "No job waits for a provider.", "Wait for a job.");
        case Reason::all_busy:
            return say(out,
                       "Its slots are taken by leases, or no job that it could do has lots left.",
                       "Nothing is needed; it takes part again as leases end.");
        case Reason::capped:
            return say(out, "It has as many lots of the waiting jobs as their spread caps allow.",
                       "Wait for other jobs.");
        case Reason::denied:
            return say(out, "Lists of waiting jobs exclude it, or its own list excludes them.",
                       "Shorten the own list, or wait for other jobs.");
        case Reason::min_fill:
            return say(out, "The jobs that it could do sit out for want of a minimum first fill.",
                       "More slots would help them to it.");
        case Reason::not_yet_eligible:
            return say(out, "It is under notice or paused.",
                       "Notice ends by itself; `provider_resume` ends a pause.");
        case Reason::class_limit:
            return say(out, "Its class is beyond those of one clearing.", "Wait.");
        case Reason::work_limit:
            return say(out,
                       "The clearing's bounds are used up before the bids that it could serve.",
                       "Wait.");
        case Reason::stake:
            return say(out, "Its free stake does not cover one lot of the waiting jobs.",
                       "Add stake (provider_stake), or wait for leases to settle.");
        case Reason::self:
            return say(out, "The jobs that it could do belong to its own account.",
                       "Wait for other buyers.");
        case Reason::expired:
            return say(out, "It is no longer on the market.", "Offer again (provider_ask).");
    }
}

}  // namespace

MarketViewPtr MarketViews::at(const StateSnapshot& snapshot) {
    const auto head = BlockStore(snapshot.db()).head();
    if (!head.has_value()) stop_on_ledger_fault(head.error());
    const std::lock_guard lock(mutex_);
    if (last_ && last_->block == (*head)->hash) return last_;
    auto view = std::make_shared<MarketView>();
    view->block = (*head)->hash;
    view->chain = market::load_chain(snapshot.state());
    view->params = market::load_params(snapshot.state());
    view->book = market::current_book(snapshot.state());
    // The seed of a clearing that is not frozen is not known; it decides ties only.
    const Hash seed{view->chain.pending ? view->chain.pending->seed.bytes
                                        : view->chain.beacon.bytes};
    view->clearing = market::clear(view->book, seed, market::clearing_limits(view->params));
    view->explainer.emplace(view->book, seed, view->clearing);
    last_ = std::move(view);
    return last_;
}

std::optional<OrderAnswer> explain_job(const StateSnapshot& snapshot, const MarketView& view,
                                       const JobId& id) {
    const auto job = market::job_view(snapshot.state(), id);
    if (!job) return std::nullopt;
    const auto bid = std::find_if(view.book.bids.begin(), view.book.bids.end(),
                                  [&](const market::BidOrder& b) { return b.id == id; });
    if (bid != view.book.bids.end()) {
        const Explanation why = view.explainer->bid(id).value_or(Explanation{});
        OrderAnswer out = answer_of(view, why);
        say_bid(out, *bid, why);
        return out;
    }
    // Not in the book: nothing of it is on offer, or it lies beyond the rows of one clearing.
    Explanation none;
    none.left = job->job.open_lots +
                (job->job.fresh_end - job->job.fresh) * std::uint32_t{job->spec.replicas};
    switch (job->job.state) {
        case market::JobState::open: {
            if (none.left == 0) {
                OrderAnswer out = answer_of(view, none);
                say(out, "All of its lots are leased or done.",
                    "Nothing is needed; job_get tells how far they are.");
                return out;
            }
            none.reason = Reason::work_limit;
            OrderAnswer out = answer_of(view, none);
            say(out,
                "More bids are on the market than one clearing reads, and this is beyond them.",
                "A higher limit goes first (job_raise).");
            return out;
        }
        case market::JobState::closed: {
            OrderAnswer out = answer_of(view, none);
            say(out, "The job has ended; nothing of it is on the market.", "job_get tells how.");
            return out;
        }
        case market::JobState::cancelled: {
            OrderAnswer out = answer_of(view, none);
            say(out, "Its buyer has cancelled it.", "Post it anew.");
            return out;
        }
        case market::JobState::expired: {
            none.reason = Reason::expired;
            OrderAnswer out = answer_of(view, none);
            say(out, "Its time on the market is over; what was not leased was paid back.",
                "Post it anew, with a later deadline or a higher limit.");
            return out;
        }
    }
    return std::nullopt;
}

std::optional<OrderAnswer> explain_provider(const StateSnapshot& snapshot, const MarketView& view,
                                            const Address& id) {
    const auto provider = market::provider_view(snapshot.state(), id);
    if (!provider) return std::nullopt;
    const market::Provider& p = provider->provider;
    const auto ask = std::find_if(view.book.asks.begin(), view.book.asks.end(),
                                  [&](const market::AskOrder& a) { return a.provider == id; });
    if (ask != view.book.asks.end() && ask->standing == Standing::active) {
        const Explanation why = view.explainer->ask(id).value_or(Explanation{});
        OrderAnswer out = answer_of(view, why);
        say_ask(out, *ask, why);
        return out;
    }
    Explanation none;
    none.left = static_cast<std::uint32_t>(provider->slots);
    none.reason = Reason::not_yet_eligible;
    OrderAnswer out = answer_of(view, none);
    if (p.paused != market::PauseReason::none)
        say(out, std::string("It is paused (") + enum_name(p.paused) + ").",
            "provider_resume puts it back on the market.");
    else if (p.next)
        say(out,
            "Its ask is under notice and takes part from clearing " +
                std::to_string(p.next_from.value) + " on.",
            "Wait; notice protects buyers from sudden changes.");
    else if (p.ask) {
        out.reason = Reason::work_limit;
        say(out, "More asks are on the market than one clearing reads, and this is beyond them.",
            "A lower ask goes first (provider_ask).");
    } else
        say(out, "It offers nothing.", "provider_ask puts it on the market.");
    return out;
}

}  // namespace millrace::node::rpc
