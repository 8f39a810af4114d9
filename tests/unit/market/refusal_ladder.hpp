#pragma once

#include <doctest/doctest.h>

#include <set>

#include "market/rules/rules.hpp"
#include "tests/support/market_world.hpp"

/// Every refusal in order of precedence. A ladder starts with a transaction that breaks all rules
/// of its family; each rung names the rule that must be found, then mends it, until none is left.
namespace millrace::market::refusals {

/// What any rung has found.
inline std::set<Refusal>& seen() {
    static std::set<Refusal> all;
    return all;
}

template <class Body>
class Ladder {
  public:
    Ladder(World& world, std::string actor, Body body)
        : world_(world), actor_(std::move(actor)), body_(std::move(body)) {}

    /// The first broken rule is `expected`; `mend` repairs it in the body or in the world.
    template <class Mend>
    Ladder& rung(Refusal expected, Mend mend) {
        expect(expected);
        if constexpr (std::is_invocable_v<Mend, Body&>)
            mend(body_);
        else
            mend();
        return *this;
    }
    Ladder& as(std::string actor) {
        actor_ = std::move(actor);
        return *this;
    }
    /// No rule is broken any more: it is applied in a block.
    void top() {
        expect(Refusal::none);
        CHECK(world_.send(actor_, body_) == Refusal::none);
    }
    void expect(Refusal expected) {
        Overlay overlay(world_.state);
        const Ledger ledger(overlay);
        const Refusal found =
            check(ledger, {world_.address(actor_), {0, world_.person(actor_).next[0]}}, body_);
        CAPTURE(std::string(Body::kName));
        CAPTURE(std::string(enum_name(found)));
        CAPTURE(std::string(enum_name(expected)));
        CHECK(found == expected);
        seen().insert(found);
    }

  private:
    World& world_;
    std::string actor_;
    Body body_;
};
template <class Body>
Ladder(World&, const char*, Body) -> Ladder<Body>;

inline constexpr auto kNoMend = [] {};
inline Address nobody() {
    return make_person("nobody at all").address;
}

// The ladders, file by file; refusal_test.cpp climbs them.
// refusals_of_accounts.cpp
void envelope_without_state();
void envelope_with_state();
void tips_on_moves();
void transfers();
void faucet();
// refusals_of_providers.cpp
void registration();
void provider_changes();
void stakes();
// refusals_of_validators.cpp
void validators();
void evidence_and_jail();
// refusals_of_jobs.cpp
void modules();
void posting();
void absurd_escrow();
void job_changes();
// refusals_of_leases.cpp
void leases();
void lease_deadlines();
void shut_reveals();

}  // namespace millrace::market::refusals
