#include <doctest/doctest.h>

#include "market/block/apply.hpp"
#include "market/ledger/validators.hpp"
#include "market/query.hpp"
#include "market/state_root.hpp"
#include "tests/support/arbitrary.hpp"
#include "tests/support/golden.hpp"

namespace millrace::market {
namespace {

constexpr int kEncodings = 500;

/// Hash of many encodings under one name, the first of them in full, and both round trips.
template <class T>
void check_type(test::Golden& golden, const std::string& name) {
    Rng rng(hash_bytes("mill/test-golden", as_bytes(name)).bytes[0] + 1U);
    Hasher all("mill/test-golden");
    for (int i = 0; i < kEncodings; ++i) {
        const T value = test::arbitrary<T>(rng);
        const Bytes raw = encode(value);
        const auto back = decode<T>(raw);
        REQUIRE(back.has_value());
        CHECK(*back == value);
        const auto json = from_json<T>(to_json(value));
        REQUIRE(json.has_value());
        CHECK(*json == value);
        all.update(raw);
        if (i == 0) golden.check(name + "/0", to_hex(raw));
    }
    golden.check(name, to_hex(all.finish().view()));
}

}  // namespace

TEST_SUITE("market/golden") {
    TEST_CASE("every wire type of the ledger is encoded as its committed bytes") {
        test::Golden golden("ledger.txt");
        boost::mp11::mp_for_each<boost::mp11::mp_iota_c<std::variant_size_v<TxBody>>>([&](auto i) {
            using Body = std::variant_alternative_t<decltype(i)::value, TxBody>;
            check_type<Body>(golden, Body::kName);
            golden.check(std::string("number/") + Body::kName, std::to_string(Body::kNumber));
        });
        check_type<SignedTx>(golden, "signed_tx");
        check_type<Claim>(golden, "claim");
        check_type<JobSpec>(golden, "job_spec");
        check_type<BlockHeader>(golden, "header");
        check_type<Receipt>(golden, "receipt");
        check_type<Block>(golden, "block");
        check_type<Genesis>(golden, "genesis");
        check_type<ChainState>(golden, "state/chain");
        check_type<Account>(golden, "state/account");
        check_type<Provider>(golden, "state/provider");
        check_type<Job>(golden, "state/job");
        check_type<Chunk>(golden, "state/chunk");
        check_type<Lease>(golden, "state/lease");
        check_type<TaskResult>(golden, "state/task_result");
        check_type<Validator>(golden, "state/validator");
        check_type<EpochSet>(golden, "state/epoch_set");
        check_type<Attendance>(golden, "state/attendance");
        golden.finish();
    }

    TEST_CASE("ids and roots are their committed values") {
        test::Golden golden("ledger_ids.txt");
        Rng rng(5);
        const auto tx = test::arbitrary<SignedTx>(rng);
        golden.check("signing_hash", to_hex(signing_hash(tx.tx).view()));
        golden.check("tx_hash", to_hex(tx_hash(tx).view()));
        const auto genesis = test::arbitrary<Genesis>(rng);
        golden.check("chain_id", to_hex(chain_id_of(genesis).view()));
        golden.check("block_hash", to_hex(block_hash(test::arbitrary<BlockHeader>(rng)).view()));
        const auto chain = test::arbitrary<ChainId>(rng);
        const auto who = test::arbitrary<Address>(rng);
        const JobId job = job_id_of(chain, who, {3, 9});
        golden.check("job_id", to_hex(job.view()));
        const LeaseId lease = lease_id_of(job, 77);
        golden.check("lease_id", to_hex(lease.view()));
        golden.check("task_seed", to_hex(task_seed(job, 5).view()));
        std::vector<Claim> claims;
        for (int i = 0; i < 5; ++i) claims.push_back(test::arbitrary<Claim>(rng));
        golden.check("claims_root", to_hex(claims_root(claims).view()));
        golden.check("commitment", to_hex(make_commitment(chain, lease, who, claims_root(claims),
                                                          test::arbitrary<Salt>(rng))
                                              .view()));
        golden.check("beacon_input", to_hex(beacon_input(chain, Beacon{}).view()));
        golden.check("module_statement",
                     to_hex(module_statement_hash(test::arbitrary<ModuleStatement>(rng)).view()));
        golden.finish();
    }

    TEST_CASE("numbers that are reserved or unknown do not decode") {
        Rng rng(9);
        Tx tx = test::arbitrary<Tx>(rng);
        tx.body = Transfer{};
        Bytes raw = encode(tx);
        // The number stands before the body's 20 + 8 + 1 bytes.
        const std::size_t at = raw.size() - 30;
        REQUIRE(raw[at] == Transfer::kNumber);
        for (const int number : {0x00, 0x03, 0x50, 0x60, 0x71, 0x7f, 0x86, 0x8f, 0xff}) {
            raw[at] = static_cast<std::uint8_t>(number);
            CHECK(decode<Tx>(raw).error() == DecodeError::bad_alternative);
        }
    }
}

}  // namespace millrace::market
