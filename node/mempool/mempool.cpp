#include "node/mempool/mempool.hpp"

#include <algorithm>
#include <queue>

#include "common/amount.hpp"

namespace millrace::node {

Status<MempoolRefusal> Mempool::add(market::CheckedTx tx) {
    const std::lock_guard lock(mutex_);
    if (by_hash_.contains(tx.hash())) return Err{MempoolRefusal::known};
    const LaneKey key{tx.sender(), tx.tx().nonce.lane};
    const std::uint64_t sequence = tx.tx().nonce.sequence;
    const market::CheckedTx* replaced = nullptr;
    if (const auto lane = lanes_.find(key); lane != lanes_.end())
        if (const auto same = lane->second.find(sequence); same != lane->second.end())
            replaced = &same->second;
    if (replaced != nullptr && tx.tx().tip <= replaced->tx().tip)
        return Err{MempoolRefusal::tip_too_low};
    // Every refusal comes before the first change: a replacement that does not fit leaves the old
    // one in its place.
    const std::uint64_t room = market::is_move(tx.tx().body)
                                   ? bytes_max_
                                   : bytes_max_ / kOrdinaryDenominator * kOrdinaryNumerator;
    const std::uint64_t kept = bytes_ - (replaced != nullptr ? replaced->size() : 0);
    if (kept + tx.size() > room) return Err{MempoolRefusal::full};
    if (replaced != nullptr) {
        erase(TxHash(replaced->hash()));
    } else if (const auto held = per_sender_.find(key.sender);
               held != per_sender_.end() && held->second >= kTxsPerSenderMax) {
        return Err{MempoolRefusal::sender_full};
    }
    ++per_sender_[key.sender];
    ++version_;
    bytes_ += tx.size();
    by_hash_.emplace(tx.hash(), std::pair(key, sequence));
    by_expiry_.emplace(tx.tx().expiry, tx.hash());
    lanes_[key].emplace(sequence, std::move(tx));
    return Ok{};
}

void Mempool::erase(const TxHash& hash) {
    const auto found = by_hash_.find(hash);
    const auto lane = lanes_.find(found->second.first);
    erase(lane, lane->second.find(found->second.second));
}

void Mempool::erase(std::map<LaneKey, Lane>::iterator lane, Lane::iterator tx) {
    const auto sender = per_sender_.find(lane->first.sender);
    --sender->second;
    if (sender->second == 0) per_sender_.erase(sender);
    ++version_;
    bytes_ -= tx->second.size();
    by_expiry_.erase({tx->second.tx().expiry, tx->second.hash()});
    by_hash_.erase(tx->second.hash());
    lane->second.erase(tx);
    if (lane->second.empty()) lanes_.erase(lane);
}

std::vector<market::CheckedTx> Mempool::candidates(std::uint64_t bytes,
                                                   const NextOf& next_of) const {
    struct Head {
        const Lane* lane = nullptr;
        Lane::const_iterator at;
        LaneKey key;
        /// It has the sequence that its lane goes on with.
        bool is_next = false;
    };
    // True when a comes after b: moves first, then more tip a byte, then the key, so that the order
    // is total.
    const auto is_behind = [](const Head& a, const Head& b) {
        const market::CheckedTx& x = a.at->second;
        const market::CheckedTx& y = b.at->second;
        const bool x_move = market::is_move(x.tx().body);
        const bool y_move = market::is_move(y.tx().body);
        if (x_move != y_move) return y_move;
        const Uint128 left = Uint128{x.tx().tip.value} * y.size();
        const Uint128 right = Uint128{y.tx().tip.value} * x.size();
        if (left != right) return left < right;
        return b.key < a.key;
    };
    const std::lock_guard lock(mutex_);
    std::priority_queue<Head, std::vector<Head>, decltype(is_behind)> heads(is_behind);
    for (const auto& [key, lane] : lanes_) heads.push({&lane, lane.begin(), key, false});
    std::vector<market::CheckedTx> out;
    std::uint64_t total = 0;
    std::size_t misses = 0;
    while (!heads.empty() && misses < kMissesMax) {
        Head head = heads.top();
        heads.pop();
        if (!head.is_next) {
            // Asked for only when a lane's turn comes: a block reads what it may take, not all.
            head.is_next = true;
            const std::uint64_t next = next_of(head.key.sender, head.key.lane);
            if (head.at->first != next) {
                head.at = head.lane->find(next);
                if (head.at != head.lane->end()) heads.push(head);
                continue;
            }
        }
        const market::CheckedTx& tx = head.at->second;
        if (total + tx.size() > bytes) {
            ++misses;  // this lane ends here; others may have smaller ones
            continue;
        }
        total += tx.size();
        out.push_back(tx);
        const std::uint64_t sequence = head.at->first;
        ++head.at;
        if (head.at != head.lane->end() && head.at->first == sequence + 1) heads.push(head);
    }
    return out;
}

void Mempool::remove_final(const std::vector<market::SignedTx>& transactions) {
    const std::lock_guard lock(mutex_);
    for (const market::SignedTx& tx : transactions) {
        const LaneKey key{to_address(tx.tx.sender), tx.tx.nonce.lane};
        auto lane = lanes_.find(key);
        while (lane != lanes_.end() && lane->second.begin()->first <= tx.tx.nonce.sequence) {
            erase(lane, lane->second.begin());
            lane = lanes_.find(key);
        }
    }
}

void Mempool::drop(const std::vector<TxHash>& dead) {
    const std::lock_guard lock(mutex_);
    for (const TxHash& hash : dead)
        if (by_hash_.contains(hash)) erase(hash);
}

void Mempool::drop_expired(WallTime time) {
    const std::lock_guard lock(mutex_);
    while (!by_expiry_.empty() && by_expiry_.begin()->first <= time)
        erase(TxHash(by_expiry_.begin()->second));
}

bool Mempool::contains(const TxHash& hash) const {
    const std::lock_guard lock(mutex_);
    return by_hash_.contains(hash);
}

std::optional<market::CheckedTx> Mempool::find(const TxHash& hash) const {
    const std::lock_guard lock(mutex_);
    const auto found = by_hash_.find(hash);
    if (found == by_hash_.end()) return std::nullopt;
    return lanes_.at(found->second.first).at(found->second.second);
}

std::uint64_t Mempool::next_sequence(const Address& sender, std::uint8_t lane,
                                     std::uint64_t next) const {
    const std::lock_guard lock(mutex_);
    const auto found = lanes_.find({sender, lane});
    if (found == lanes_.end()) return next;
    // At most kTxsPerSenderMax steps.
    for (auto tx = found->second.find(next); tx != found->second.end() && tx->first == next; ++tx)
        ++next;
    return next;
}

std::uint64_t Mempool::version() const {
    const std::lock_guard lock(mutex_);
    return version_;
}

Mempool::Usage Mempool::usage() const {
    const std::lock_guard lock(mutex_);
    return {by_hash_.size(), bytes_};
}

}  // namespace millrace::node
