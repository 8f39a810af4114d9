#include "market/block/header.hpp"

#include "market/list_root.hpp"

namespace millrace::market {

BlockHash block_hash(const BlockHeader& header) {
    return hash_as<BlockHash>(hash_bytes("mill/header", encode(header)));
}

ListRoot transactions_root(std::span<const SignedTx> transactions) {
    std::vector<Hash> leaves;
    leaves.reserve(transactions.size());
    for (const SignedTx& tx : transactions) leaves.push_back(Hash{tx_hash(tx).bytes});
    return list_root("mill/txs", leaves);
}

ListRoot transactions_root_in(std::span<const Receipt> receipts) {
    std::vector<Hash> leaves;
    leaves.reserve(receipts.size());
    for (const Receipt& receipt : receipts) leaves.push_back(Hash{receipt.transaction.bytes});
    return list_root("mill/txs", leaves);
}

ListRoot votes_root(std::span<const Vote> votes) {
    std::vector<Hash> leaves;
    leaves.reserve(votes.size());
    for (const Vote& vote : votes) leaves.push_back(hash_bytes("mill/vote", encode(vote)));
    return list_root("mill/votes", leaves);
}

bool body_matches(const Block& block) {
    return transactions_root(block.transactions) == block.header.transactions_root &&
           votes_root(block.votes) == block.header.votes_root;
}

ListRoot receipts_root(std::span<const Receipt> receipts) {
    std::vector<Hash> leaves;
    leaves.reserve(receipts.size());
    for (const Receipt& receipt : receipts)
        leaves.push_back(hash_bytes("mill/receipt", encode(receipt)));
    return list_root("mill/receipts", leaves);
}

}  // namespace millrace::market
