#pragma once

#include <chrono>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <type_traits>

#include "market/ledger/chain.hpp"
#include "market/state.hpp"
#include "wallet/trust_store.hpp"

/// The ledger read through a node that is not believed: every row comes with a proof, and views are
/// computed here from proven rows, by the node's own code (market/query.hpp).
namespace millrace::wallet {

/// Rows of one final block that were proven, and what a view of them asked for beside them.
class ProvenState final : public market::StateReader {
  public:
    /// Answers "none" for what is not proven yet and remembers that it was wanted: what the view
    /// then makes of it is thrown away, and it is made again when the row is here.
    [[nodiscard]] std::optional<Bytes> get(ByteView key) const override;
    /// Only of a job's chunks, whose keys follow from the job's row; no proof of single keys says
    /// that a list is complete. Anything else makes the view unprovable.
    [[nodiscard]] std::vector<market::StateEntry> scan(ByteView prefix, ByteView from,
                                                       std::size_t limit) const override;

    void want(ByteView key) const;
    [[nodiscard]] bool is_complete() const { return missing_ == 0; }
    /// The view cannot be proven: it walks a list, or needs more rows than one answer proves.
    [[nodiscard]] bool is_unprovable() const { return is_unprovable_; }
    [[nodiscard]] const std::set<Bytes>& wanted() const { return wanted_; }
    void fill(std::map<Bytes, std::optional<Bytes>> rows);

  private:
    std::map<Bytes, std::optional<Bytes>> rows_;
    mutable std::set<Bytes> wanted_;
    mutable std::size_t missing_ = 0;
    mutable bool is_unprovable_ = false;
};

/// What a wallet was told to trust.
struct TrustChoice {
    /// Names the chain, whatever the node says; none: that of the first meeting.
    std::optional<ChainId> chain;
    /// A block that ended an epoch, from a source that is trusted.
    std::optional<BlockHash> checkpoint;
};

/// Speaks to one node, as one thread.
class ProofReader {
  public:
    /// What it needs of the world beside the node and the disk.
    struct Ports {
        /// Told what people should hear of.
        std::function<void(std::string_view)> note;
        std::function<WallTime()> now;
        /// How long a node may take until it has a block that is not old: one that has just begun,
        /// or begun again, makes its next within a second.
        std::chrono::milliseconds patience = std::chrono::seconds(10);
    };
    /// Meets the node: finds out which chain it is on, by what was said or remembered or, the first
    /// time, by its word, and the newest validators that are known of that chain.
    [[nodiscard]] static Try<std::unique_ptr<ProofReader>> open(Client& client, TrustStore store,
                                                                TrustChoice choice, Ports ports);

    [[nodiscard]] const Trust& trust() const { return trust_; }

    /// What `read` makes of a state in which all that it asks for is proven, against one final
    /// block that is not older than it may be. `what` is what a person would call it. None: the
    /// view is too large, or walks a list.
    template <class Read>
    [[nodiscard]] Try<std::optional<std::invoke_result_t<Read, const market::StateReader&>>> read(
        std::string_view what, Read read) {
        using View = std::invoke_result_t<Read, const market::StateReader&>;
        ProvenState state;
        // Views may assume that these two are there.
        state.want(market::chain_key());
        state.want(market::params_key());
        for (unsigned round = 0; round < kRoundsMax; ++round) {
            MILLRACE_CHECK(fetch(what, state));
            View view = read(static_cast<const market::StateReader&>(state));
            if (state.is_unprovable()) return std::optional<View>();
            if (state.is_complete()) return std::optional<View>(std::move(view));
        }
        return std::optional<View>();
    }

    /// Whether the chain has this receipt at this place: its block is final, by its own certificate
    /// or by that of one of the next blocks.
    [[nodiscard]] Try<Ok> check_receipt(Height height, std::uint32_t index,
                                        const market::Receipt& receipt);

    /// The node's answer to `what` is wrong: how the command ends.
    [[nodiscard]] Failure wrong(std::string_view what, std::string_view how) const;

  private:
    /// Rows that lead to rows that lead to rows: a job's results are the third kind.
    static constexpr unsigned kRoundsMax = 8;

    ProofReader(Client& client, TrustStore store, TrustChoice choice, Ports ports)
        : client_(client), store_(std::move(store)), choice_(choice), ports_(std::move(ports)) {}
    [[nodiscard]] Try<Ok> meet();
    [[nodiscard]] Try<Ok> begin_anew(const ChainId& chain);
    /// Asks for all wanted rows at once, so that they are of one block.
    [[nodiscard]] Try<Ok> fetch(std::string_view what, ProvenState& state);
    /// Learns the validators of later epochs, until those of this one are known.
    [[nodiscard]] Try<Ok> catch_up(Epoch epoch);
    [[nodiscard]] Try<Ok> check_staleness();
    [[nodiscard]] Try<Ok> remember();

    Client& client_;
    TrustStore store_;
    TrustChoice choice_;
    Ports ports_;
    Trust trust_;
    /// What lies on the disk of it.
    Epoch saved_epoch_;
    WallTime saved_time_;
    bool is_checkpoint_seen_ = false;
};

}  // namespace millrace::wallet
