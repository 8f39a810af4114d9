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
    auto lane = lanes_.find(key);
    if (lane != lanes_.end()) {
        const auto same = lane->second.find(sequence);
        if (same != lane->second.end()) {
            if (tx.tx().tip <= same->second.tx().tip) return Err{MempoolRefusal::tip_too_low};
            erase(lane, same);
        }
    }
    if (bytes_ + tx.size() > bytes_max_) return Err{MempoolRefusal::full};
    std::size_t& held = per_sender_[key.sender];
    if (held >= kTxsPerSenderMax) return Err{MempoolRefusal::sender_full};
    ++held;
    bytes_ += tx.size();
    by_hash_.emplace(tx.hash(), std::pair(key, sequence));
    lanes_[key].emplace(sequence, std::move(tx));
    return Ok{};
}

void Mempool::erase(std::map<LaneKey, Lane>::iterator lane, Lane::iterator tx) {
    const auto sender = per_sender_.find(lane->first.sender);
    if (--sender->second == 0) per_sender_.erase(sender);
    bytes_ -= tx->second.size();
    by_hash_.erase(tx->second.hash());
    lane->second.erase(tx);
    if (lane->second.empty()) lanes_.erase(lane);
}

std::vector<market::CheckedTx> Mempool::candidates(std::uint64_t bytes) const {
    struct Head {
        const Lane* lane = nullptr;
        Lane::const_iterator at;
        LaneKey key;
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
    for (const auto& [key, lane] : lanes_) heads.push({&lane, lane.begin(), key});
    std::vector<market::CheckedTx> out;
    std::uint64_t total = 0;
    while (!heads.empty()) {
        Head head = heads.top();
        heads.pop();
        const market::CheckedTx& tx = head.at->second;
        if (total + tx.size() > bytes)
            continue;  // this lane ends here; others may have smaller ones
        total += tx.size();
        out.push_back(tx);
        const std::uint64_t sequence = head.at->first;
        if (++head.at != head.lane->end() && head.at->first == sequence + 1) heads.push(head);
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
    for (const TxHash& hash : dead) {
        const auto found = by_hash_.find(hash);
        if (found == by_hash_.end()) continue;
        const auto lane = lanes_.find(found->second.first);
        erase(lane, lane->second.find(found->second.second));
    }
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

std::optional<std::uint64_t> Mempool::next_sequence(const Address& sender,
                                                    std::uint8_t lane) const {
    const std::lock_guard lock(mutex_);
    const auto found = lanes_.find({sender, lane});
    if (found == lanes_.end()) return std::nullopt;
    return found->second.rbegin()->first + 1;
}

Mempool::Usage Mempool::usage() const {
    const std::lock_guard lock(mutex_);
    return {by_hash_.size(), bytes_};
}

}  // namespace millrace::node
