#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <mutex>
#include <optional>
#include <queue>
#include <set>
#include <vector>

#include "market/block/apply.hpp"

namespace millrace::node {

/// Why the mempool does not keep a transaction.
enum class MempoolRefusal : std::uint8_t { known = 1, full = 2, sender_full = 3, tip_too_low = 4 };
BOOST_DESCRIBE_ENUM(MempoolRefusal, known, full, sender_full, tip_too_low)

/// Waiting transactions, by sender and lane in the order of their sequence, under a cap of bytes
/// and a cap a sender. Nothing is checked again here when a block comes: what became impossible is
/// dropped by its nonce, so that a block costs what it changes. Thread-safe.
class Mempool {
  public:
    /// One sender may not crowd out the others: 64 of the smallest blocks' worth is plenty for
    /// batches.
    static constexpr std::size_t kTxsPerSenderMax = 4096;

    /// A block's worth, so that one account with little money cannot fill the mempool either.
    static constexpr std::uint64_t kBytesPerSenderMax = 4ULL << 20U;

    /// The last quarter is for the moves of leases: who fills the rest with payments, or with what
    /// only looks like moves, must not be able to make providers miss their deadlines.
    static constexpr std::uint64_t kOrdinaryNumerator = 3;
    static constexpr std::uint64_t kOrdinaryDenominator = 4;
    /// Candidates that did not fit before the walk ends: the block is full then.
    static constexpr std::size_t kMissesMax = 64;
    /// Candidates that the ledger refused before the walk ends: some reads each, and a block must
    /// not wait for all that is bad here. They are dropped, and the next block sees others.
    static constexpr std::size_t kRefusedMax = 4096;

    /// The sequence that a lane's next transaction must have in the state that a block stands on.
    using NextOf = std::function<std::uint64_t(const Address& sender, std::uint8_t lane)>;
    /// Whether that state gives a transaction the room that is reserved for moves. The body alone
    /// does not tell: anybody can send what looks like a reveal.
    using IsReserved = std::function<bool(const market::CheckedTx& tx)>;

    /// What the newest final state says of a transaction.
    struct Standing {
        /// The sequence that its lane goes on with.
        std::uint64_t next = 0;
        /// It may use the room that is reserved for moves.
        bool is_reserved = false;
    };

    explicit Mempool(std::uint64_t bytes_max) : bytes_max_(bytes_max) {}

    /// Keeps a transaction whose envelope was found good against the head (a nonce above the next
    /// one may wait). One of the same sender and nonce is replaced only by a higher tip. What can
    /// go takes the room of what waits for a missing sequence, the longest here first: nothing is
    /// paid for waiting. A refusal leaves everything as it was.
    [[nodiscard]] Status<MempoolRefusal> add(market::CheckedTx tx, Standing standing);
    /// One block's candidates in the order of preference.
    class Walk;
    /// Drops these, and all of the same lanes with the same or a lower sequence.
    void remove_final(const std::vector<market::SignedTx>& transactions);
    /// Drops what no block of this time or later may hold.
    void drop_expired(WallTime time);
    void drop(const std::vector<TxHash>& dead);
    [[nodiscard]] bool contains(const TxHash& hash) const;
    [[nodiscard]] std::optional<market::CheckedTx> find(const TxHash& hash) const;
    /// The first sequence from `next` (the ledger's) on that no transaction of this lane has here.
    /// A gap is filled first: what waits above it cannot go before.
    [[nodiscard]] std::uint64_t next_sequence(const Address& sender, std::uint8_t lane,
                                              std::uint64_t next) const;
    /// Differs after every change of what waits.
    [[nodiscard]] std::uint64_t version() const;
    struct Usage {
        std::uint64_t transactions = 0;
        std::uint64_t bytes = 0;
    };
    [[nodiscard]] Usage usage() const;

  private:
    struct LaneKey {
        Address sender;
        std::uint8_t lane = 0;
        friend auto operator<=>(const LaneKey&, const LaneKey&) = default;
    };
    struct Entry {
        market::CheckedTx tx;
        /// Its place in the order of arrival.
        std::uint64_t arrival = 0;
    };
    struct Lane {
        std::map<std::uint64_t, Entry> txs;
        /// The sequence that the newest final state goes on with, as far as it was heard of.
        std::uint64_t next = 0;
        /// The first from there on that is not here. What is above waits for it.
        std::uint64_t missing = 0;
    };
    using Lanes = std::map<LaneKey, Lane>;
    struct Held {
        std::size_t transactions = 0;
        std::uint64_t bytes = 0;
    };
    [[nodiscard]] const market::CheckedTx* at(const LaneKey& key, std::uint64_t sequence) const;
    void erase(Lanes::iterator lane, std::map<std::uint64_t, Entry>::iterator tx);
    void erase(const TxHash& hash);
    void set_next(Lanes::iterator lane, std::uint64_t next);
    void move_missing_up(Lane& lane);
    void begin_wait(const LaneKey& key, std::uint64_t sequence, const Entry& entry);
    void end_wait(const Entry& entry);

    std::uint64_t bytes_max_;
    mutable std::mutex mutex_;
    // Guarded by mutex_, as all below.
    Lanes lanes_;
    std::map<TxHash, std::pair<LaneKey, std::uint64_t>> by_hash_;
    std::map<Address, Held> per_sender_;
    /// By arrival, what waits for a sequence that is missing here.
    std::map<std::uint64_t, std::pair<LaneKey, std::uint64_t>> waiting_;
    std::uint64_t waiting_bytes_ = 0;
    std::uint64_t arrivals_ = 0;
    std::set<std::pair<WallTime, TxHash>> by_expiry_;
    std::uint64_t bytes_ = 0;
    std::uint64_t version_ = 0;
};

/// What may use the reserved room first, then by tip a byte; each lane in order, from `next_of` on,
/// as far as its transactions went in. What waits for a sequence that is not here takes no room
/// from what can go now, whatever it tips. Transactions may come and go meanwhile.
class Mempool::Walk final : public market::Candidates {
  public:
    /// The mempool outlives the walk.
    Walk(const Mempool& mempool, NextOf next_of, IsReserved is_reserved);
    [[nodiscard]] const market::CheckedTx* next() override;
    void tell(Fate fate) override;

  private:
    /// The first transaction of a lane that the walk has not seen.
    struct Head {
        LaneKey key;
        std::uint64_t sequence = 0;
        bool is_reserved = false;
        std::uint64_t tip = 0;
        std::uint64_t size = 0;
        /// It has the sequence that its lane goes on with, and its class is the state's word.
        bool is_next = false;
    };
    struct IsBehind {
        bool operator()(const Head& a, const Head& b) const;
    };
    [[nodiscard]] std::optional<Head> judged(const LaneKey& key, std::uint64_t sequence) const;

    const Mempool& mempool_;
    NextOf next_of_;
    IsReserved is_reserved_;
    std::priority_queue<Head, std::vector<Head>, IsBehind> heads_;
    Head last_;
    std::optional<market::CheckedTx> current_;
    std::size_t misses_ = 0;
    std::size_t refused_ = 0;
};

}  // namespace millrace::node
