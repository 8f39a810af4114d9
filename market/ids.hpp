#pragma once

#include "common/account_key.hpp"
#include "common/address.hpp"
#include "common/ed25519.hpp"
#include "common/hash.hpp"
#include "common/units.hpp"
#include "common/vrf.hpp"

/// Small types of the ledger that have no better home.
namespace millrace::market {

/// A provider is named by the account that owns it: one provider an account.
using ProviderId = Address;
/// A validator is named by the account that owns it: one validator an account.
using ValidatorId = Address;
/// Counts freezes of the book since genesis; the first clearing is number 1.
using ClearingNumber = Unit<struct ClearingNumberTag>;
/// What a block's VRF proof shows, hashed to 32 bytes: seed of assignment and tie-breaks.
using Beacon = FixedBytes<32, struct BeaconTag>;
/// X25519 key to which job inputs may be encrypted.
using EncryptionKey = FixedBytes<32, struct EncryptionKeyTag>;
/// Hash over a lease's list of claims and a salt (docs/protocol/transactions.md, "Commit").
using Commitment = FixedBytes<32, struct CommitmentTag>;
/// Root of a list: H(tag, count, Merkle root).
using ListRoot = FixedBytes<32, struct ListRootTag>;
/// Hides a list of claims until its reveal.
using Salt = FixedBytes<32, struct SaltTag>;

}  // namespace millrace::market
