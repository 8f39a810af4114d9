#include <algorithm>

#include "market/auction/clearing.hpp"

namespace millrace::market {

namespace {

bool bid_before(const BidOrder& a, const BidOrder& b) {
    if (a.limit != b.limit) return a.limit > b.limit;
    return a.id < b.id;
}
bool ask_before(const AskOrder& a, const AskOrder& b) {
    return a.provider < b.provider;
}

}  // namespace

void canonicalise(Book& book) {
    std::sort(book.bids.begin(), book.bids.end(), bid_before);
    std::sort(book.asks.begin(), book.asks.end(), ask_before);
}

bool is_canonical(const Book& book) {
    const auto rising = [](const auto& items, auto before) {
        for (std::size_t i = 1; i < items.size(); ++i)
            if (!before(items[i - 1], items[i])) return false;
        return true;
    };
    return rising(book.bids, bid_before) && rising(book.asks, ask_before);
}

}  // namespace millrace::market
