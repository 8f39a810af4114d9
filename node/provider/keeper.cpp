#include "node/provider/keeper.hpp"

#include <spdlog/spdlog.h>

#include <algorithm>
#include <chrono>

#include "market/ledger/leases.hpp"

namespace millrace::node {

namespace {

using SteadyClock = std::chrono::steady_clock;

/// Between two looks; in between, use protects what is new.
constexpr std::chrono::milliseconds kRest{5'000};
/// And so many times as long as the last look took, so that a ledger of very many jobs costs a
/// twentieth of one core.
constexpr int kRestShare = 20;

}  // namespace

Keeper::Keeper(Ports ports, const Journal& journal) : ports_(ports) {
    for (const auto& [lease, entry] : journal.entries())
        for (const market::Claim& claim : entry.claims)
            results_[lease].insert({claim.output_root, claim.tails});
    Needed needed;
    needed.is_complete = false;
    (void)hold(ports_.blobs, ports_.trees, std::move(needed));
}

void Keeper::start() {
    thread_ = std::thread([this] { run(); });
}

bool Keeper::wait_for_look(std::chrono::milliseconds patience) {
    std::unique_lock lock(stop_mutex_);
    return wake_.wait_for(lock, patience, [this] { return has_looked_ || is_stopping_; });
}

void Keeper::give_up() {
    {
        const std::lock_guard lock(stop_mutex_);
        is_stopping_ = true;
    }
    wake_.notify_all();
}

void Keeper::stop() {
    give_up();
    if (thread_.joinable()) thread_.join();
}

void Keeper::run() {
    for (;;) {
        const auto begin = SteadyClock::now();
        refresh();
        const auto took =
            std::chrono::duration_cast<std::chrono::milliseconds>(SteadyClock::now() - begin);
        std::unique_lock lock(stop_mutex_);
        has_looked_ = true;
        wake_.notify_all();
        const auto rest = std::max(kRest, kRestShare * took);
        if (wake_.wait_for(lock, rest, [this] { return is_stopping_.load(); })) return;
    }
}

Keeper::Look Keeper::begin() {
    std::set<LeaseId> told;
    {
        const std::lock_guard lock(mutex_);
        for (const auto& [lease, outputs] : results_) told.insert(lease);
    }
    return {std::move(told), StateSnapshot(ports_.db)};
}

void Keeper::finish(const Look& look) {
    const market::StateReader& state = look.snapshot.state();
    Needed needed = needed_by_jobs(state, ports_.provider, {}, is_stopping_);
    add_blobs_of_trees(ports_.trees, needed, is_stopping_);
    if (is_stopping_) return;
    {
        // With the lock until it is held: what a task leaves in between is in one or the other. Of
        // the disk only the lists of what the ledger does not name yet are read here; a task that
        // ends now waits for no more.
        const std::lock_guard lock(mutex_);
        forget_known(look);
        Needed told;
        for (const auto& [lease, outputs] : results_)
            for (const Output& output : outputs) told.add_output(output.tree, output.tails);
        add_blobs_of_trees(ports_.trees, told, is_stopping_);
        needed.is_complete = needed.is_complete && told.is_complete;
        needed.blobs.merge(told.blobs);
        needed.outputs.merge(told.outputs);
        needed.tails.merge(told.tails);
        tell(hold(ports_.blobs, ports_.trees, std::move(needed)));
    }
    const auto kept = ports_.pins.refresh(state, is_stopping_);
    if (!kept.has_value()) spdlog::error("{}", kept.error().message);
}

/// Results that were revealed are in the ledger, which says how long they are kept; those of a
/// lease that it has deleted nobody will ask for.
void Keeper::forget_known(const Look& look) {
    std::erase_if(results_, [&](const auto& entry) {
        if (!look.told.contains(entry.first)) return false;
        const auto lease =
            market::load<market::Lease>(look.snapshot.state(), market::lease_key(entry.first));
        return !lease || lease->state == market::LeaseState::revealed ||
               lease->state == market::LeaseState::settled;
    });
}

void Keeper::keep_result(const LeaseId& lease, const market::Claim& claim) {
    const std::lock_guard lock(mutex_);
    results_[lease].insert({claim.output_root, claim.tails});
    ports_.trees.hold_also(claim.output_root, claim.tails);
    if (const auto blobs = ports_.trees.blobs_of(claim.output_root); blobs.has_value())
        ports_.blobs.hold_also(*blobs);
}

void Keeper::tell(Known known) {
    if (known == was_known_) return;
    was_known_ = known;
    switch (known) {
        case Known::all:
            spdlog::info("blobs: all that jobs need is known again, and nothing of it is deleted");
            return;
        case Known::own:
            spdlog::warn(
                "blobs: there are more jobs ({}) or modules ({}) than this node looks through, or "
                "the list of a tree cannot be read: until there are fewer, what some jobs read "
                "makes room like anything else when it was not used for long",
                NeededLimits{}.jobs, NeededLimits{}.modules);
            return;
        case Known::too_little:
            spdlog::warn(
                "blobs: the provider has more leases or results than this node looks through ({} "
                "of each), or the list of one of its trees cannot be read: nothing is deleted, and "
                "what has no room within --blob-quota-bytes is refused, until that is over",
                NeededLimits{}.leases);
            return;
    }
}

}  // namespace millrace::node
