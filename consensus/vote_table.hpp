#pragma once

#include <map>
#include <optional>

#include "consensus/messages.hpp"

/// What this validator has put its name to, view by view, above a floor. Asked before every
/// signature, and durable before the signature is made: a restarted validator cannot contradict
/// itself. One high-water mark would not do: finalize(v) may rightly follow nullify(v+1).
/// A signer in a separate process keeps the same table.
namespace millrace::consensus {

enum class SignRefusal : std::uint8_t {
    below_floor = 1,
    notarized_other = 2,
    nullified = 3,
    finalized = 4,
    not_notarized = 5,
    finalized_other = 6,
};
BOOST_DESCRIBE_ENUM(SignRefusal, below_floor, notarized_other, nullified, finalized, not_notarized,
                    finalized_other)

class VoteTable {
  public:
    struct Entry {
        std::optional<Proposal> notarized;
        bool nullified = false;
        std::optional<Proposal> finalized;
        friend bool operator==(const Entry&, const Entry&) = default;
    };

    /// May this be signed? A subject that is in the table already may be signed again (Ed25519 is
    /// deterministic: the same bytes come out). Rules: one notarize a view, and none after nullify;
    /// no nullify after finalize; finalize only what was notarized, and never after nullify.
    [[nodiscard]] Status<SignRefusal> check(const Subject& subject) const;
    /// Whether the table holds exactly this subject.
    [[nodiscard]] bool contains(const Subject& subject) const;
    /// Records a subject that `check` allows; anything else is our mistake.
    void record(const Subject& subject);
    /// Drops the entries below `floor` and refuses them for ever. Never goes back.
    void raise_floor(View floor);
    [[nodiscard]] View floor() const { return floor_; }
    [[nodiscard]] const Entry* find(View view) const;
    /// All recorded subjects, by view, in the order notarize, nullify, finalize.
    [[nodiscard]] std::vector<Subject> subjects() const;

  private:
    View floor_{1};
    std::map<View, Entry> entries_;
};

}  // namespace millrace::consensus
