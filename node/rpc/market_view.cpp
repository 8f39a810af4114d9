#include "node/rpc/market_view.hpp"

#include <algorithm>

#include "node/chain/block_store.hpp"

namespace millrace::node::rpc {

namespace {

using market::Demand;
using market::Explanation;
using market::Reason;
using market::Standing;

std::string per_ggas(Price price) {
    return to_credits(Amount{price.value}) + " credits per Ggas";
}
std::string lots(std::uint64_t count) {
    return std::to_string(count) + (count == 1 ? " lot" : " lots");
}

/// What a job demands of a machine.
const char* words(Demand demand) {
    switch (demand) {
        case Demand::memory_tier:
            return "memory";
        case Demand::features:
            return "features that its program uses";
        case Demand::region:
            return "region";
        case Demand::stake_tier:
            return "stake";
        case Demand::record_tier:
            return "record of earlier work";
        case Demand::tee:
            return "trusted hardware";
        case Demand::task_size:
            return "size of one task, in gas or bytes";
    }
    return "requirements";
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
        return say(out,
                   "The next clearing leases all that this job offers: " + lots(why.filled) + ".",
                   "Nothing needs to be done.");
    switch (*why.reason) {
        case Reason::below_price:
            out.price_needed = Price{bid.limit.value + why.by.value};
            return say(out,
                       "Nobody takes " + lots(why.left) + " of this job at its limit of " +
                           per_ggas(bid.limit) + ".",
                       "With a limit of " + per_ggas(*out.price_needed) +
                           " somebody would, as orders stand now: raise the limit, or wait until "
                           "somebody sells for less.");
        case Reason::no_capable_ask:
            if (why.demand)
                return say(out,
                           "No provider on the market meets what this job demands; what most of "
                           "them lack is the " +
                               std::string(words(*why.demand)) + ".",
                           "Post it again and demand less of that, or wait for a provider that has "
                           "it.");
            return say(out, "There is no provider on the market at all.",
                       "Wait for one; the job stays on offer until its time is over.");
        case Reason::all_busy:
            return say(out,
                       "Every provider that could do this job is busy, with leases that it has or "
                       "with jobs that pay more.",
                       "Wait until leases end, or raise the limit to be served before others.");
        case Reason::capped:
            return say(out,
                       "Every provider that could do this job has as many of its lots already as "
                       "one provider may have, by its spread cap or by its replicas.",
                       "Wait for further providers, or post the rest with a higher spread cap.");
        case Reason::denied:
            return say(out,
                       "The providers that sell below this job's limit are on its deny list, have "
                       "its buyer on theirs, or have failed this job before.",
                       "Wait for other providers, or post the rest with other lists.");
        case Reason::min_fill:
            return say(out,
                       "Fewer lots can be leased at once than this job's minimum first fill asks "
                       "for, so none is.",
                       "Wait: it tries again by itself. Or post it with a lower minimum first "
                       "fill.");
        case Reason::not_yet_eligible:
            return say(out, "This job came too late for the clearing that is under way.",
                       "Wait: it takes part in the next one.");
        case Reason::class_limit:
            return say(out,
                       "The machines that could do this job are of a kind that this clearing does "
                       "not reach: it sells a bounded number of kinds.",
                       "Wait for a later clearing, or post the job with fewer requirements, so "
                       "that more kinds of machines can do it.");
        case Reason::work_limit:
            return say(out,
                       "So many jobs stand before this one that the clearing ends before its turn.",
                       "Wait for its turn, or raise the limit: the highest goes first.");
        case Reason::stake:
            return say(out,
                       "No provider that sells below this job's limit has enough free stake to "
                       "answer for one of its lots.",
                       "Post it in smaller lots or with less gas a task, which need less stake, or "
                       "wait until providers have stake free.");
        case Reason::self:
            return say(out,
                       "The only machines that could do this job belong to its own buyer, and "
                       "nobody is paid for his own work.",
                       "Run it on them with `millrace run`, or wait for another provider.");
        case Reason::expired:
            return say(out, "The time for which this job was on offer is over.",
                       "Post it again, with a longer life or a higher limit.");
    }
}

void say_ask(OrderAnswer& out, const market::AskOrder& ask, const Explanation& why) {
    if (!why.reason)
        return say(
            out,
            "The next clearing leases all that this provider offers: " + lots(why.filled) + ".",
            "Nothing needs to be done.");
    const Price lowest = ask.steps.empty() ? Price{} : ask.steps.front().price;
    switch (*why.reason) {
        case Reason::below_price: {
            const std::uint64_t by = std::min(why.by.value, lowest.value);
            out.price_needed = Price{lowest.value - by};
            return say(out,
                       "No job that this provider could do pays the " + per_ggas(lowest) +
                           " that it asks at least.",
                       "At about " + per_ggas(*out.price_needed) +
                           " it would have leases, as orders stand now: ask less, or "
                           "wait for jobs that pay more.");
        }
        case Reason::no_capable_ask:
            if (why.demand)
                return say(out,
                           "No waiting job can run on this provider's machines; what most of them "
                           "demand and it lacks is the " +
                               std::string(words(*why.demand)) + ".",
                           "Offer more of that, or wait for other jobs.");
            return say(out, "No job is waiting for a provider.", "Wait for one.");
        case Reason::all_busy:
            return say(out,
                       "This provider's slots are all taken, or the jobs that it could do have no "
                       "lots left.",
                       "Nothing needs to be done: it takes part again as its leases end and jobs "
                       "come.");
        case Reason::capped:
            return say(out,
                       "Of each waiting job this provider has as many lots as one provider may "
                       "have, by the job's spread cap or by its replicas.",
                       "Wait for other jobs.");
        case Reason::denied:
            return say(out,
                       "The waiting jobs that would pay this provider's price have it on their "
                       "deny list, are on its own, or were failed by it before.",
                       "Take buyers off the own list, or wait for other jobs.");
        case Reason::min_fill:
            return say(out,
                       "The jobs that this provider could do need more lots at once than the "
                       "market has for them.",
                       "Offer more slots, or wait for other providers to join.");
        case Reason::not_yet_eligible:
            return say(out, "This provider's offer is under notice, or it is paused.",
                       "A notice ends by itself; a pause ends when the provider resumes.");
        case Reason::class_limit:
            return say(out,
                       "This clearing does not reach this provider's kind of machine: it sells a "
                       "bounded number of kinds.",
                       "Wait for a later clearing.");
        case Reason::work_limit:
            return say(out,
                       "The clearing ends before it comes to the jobs that this provider could do: "
                       "so many others stand before them.",
                       "Wait for a later clearing.");
        case Reason::stake:
            return say(out,
                       "This provider has too little free stake to answer for one lot of any "
                       "waiting job.",
                       "Add stake, or wait until its leases are settled.");
        case Reason::self:
            return say(out,
                       "The waiting jobs that this provider could do belong to its own owner, and "
                       "nobody is paid for his own work.",
                       "Wait for other buyers.");
        case Reason::expired:
            return say(out, "This provider's offer is no longer on the market.", "Offer again.");
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
                say(out, "All lots of this job are leased or done, so none is on offer.",
                    "Nothing needs to be done; the job itself tells how far they are.");
                return out;
            }
            none.reason = Reason::work_limit;
            OrderAnswer out = answer_of(view, none);
            say(out,
                "More jobs are on the market than one clearing looks at, and this one is not among "
                "the first.",
                "Raise the limit: the highest goes first. Or wait until there are fewer.");
            return out;
        }
        case market::JobState::closed: {
            OrderAnswer out = answer_of(view, none);
            say(out, "This job has ended, so nothing of it is on offer.",
                "Nothing needs to be done; the job itself tells how it ended.");
            return out;
        }
        case market::JobState::cancelled: {
            OrderAnswer out = answer_of(view, none);
            say(out, "The buyer of this job has cancelled it.",
                "Post it again if it is wanted after all.");
            return out;
        }
        case market::JobState::expired: {
            none.reason = Reason::expired;
            OrderAnswer out = answer_of(view, none);
            say(out,
                "The time for which this job was on offer is over; what was held for lots that "
                "nobody took was paid back.",
                "Post it again, with a longer life or a higher limit.");
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
        say(out,
            std::string("This provider is paused (") + enum_name(p.paused) +
                ") and takes no new leases.",
            "Resume it: the owner or the operator can.");
    else if (p.next)
        say(out,
            "This provider's offer is under notice: it takes part from clearing " +
                std::to_string(p.next_from.value) + " on.",
            "Wait: the notice, which protects buyers from sudden changes, ends by itself.");
    else if (p.ask) {
        out.reason = Reason::work_limit;
        say(out,
            "More offers are on the market than one clearing looks at, and this one is not among "
            "the first.",
            "Ask less: the cheapest goes first. Or wait until there are fewer.");
    } else
        say(out, "This provider offers nothing.", "Make an offer.");
    return out;
}

}  // namespace millrace::node::rpc
