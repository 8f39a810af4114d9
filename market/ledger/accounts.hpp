#pragma once

#include "market/ledger/store.hpp"
#include "market/transaction.hpp"

/// Balances and nonces. An account is made by its first payment and never deleted: its nonces
/// would come back to life.
namespace millrace::market {

/// The next sequence of one lane; lanes that were never used are not stored.
struct Lane {
    std::uint8_t lane = 0;
    std::uint64_t next = 0;
    friend bool operator==(const Lane&, const Lane&) = default;
};
BOOST_DESCRIBE_STRUCT(Lane, (), (lane, next))

struct Account {
    Amount balance;
    /// Ascending by lane.
    BoundedVector<Lane, kNonceLanes> lanes;
    friend bool operator==(const Account&, const Account&) = default;
};
BOOST_DESCRIBE_STRUCT(Account, (), (balance, lanes))

[[nodiscard]] inline Key account_key(const Address& address) {
    return Key(Table::account).add(address);
}
[[nodiscard]] std::uint64_t next_sequence(const Account& account, std::uint8_t lane);
void use_sequence(Account& account, std::uint8_t lane);

}  // namespace millrace::market
