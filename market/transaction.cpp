#include "market/transaction.hpp"

namespace millrace::market {

namespace {

constexpr bool numbers_ascend() {
    bool ascending = true;
    int last = -1;
    boost::mp11::mp_for_each<boost::mp11::mp_iota_c<std::variant_size_v<TxBody>>>([&](auto i) {
        const int number = std::variant_alternative_t<decltype(i)::value, TxBody>::kNumber;
        ascending = ascending && number > last && number < 0x90;
        last = number;
    });
    return ascending;
}
// The variant lists bodies by rising number, each once, below the ranges reserved for later rules.
static_assert(numbers_ascend());

void decode_body(Decoder& in, TxBody& body) {
    const auto number = in.integer<std::uint8_t>();
    if (in.failed()) return;
    bool known = false;
    boost::mp11::mp_for_each<boost::mp11::mp_iota_c<std::variant_size_v<TxBody>>>([&](auto i) {
        using Body = std::variant_alternative_t<decltype(i)::value, TxBody>;
        if (Body::kNumber != number) return;
        known = true;
        millrace::decode_into(in, body.emplace<Body>());
    });
    if (!known) in.fail(DecodeError::bad_alternative);
}

}  // namespace

Tx::Tx() = default;
Tx::Tx(const Tx& other) = default;
Tx::Tx(Tx&& other) noexcept = default;
Tx& Tx::operator=(const Tx& other) = default;
Tx& Tx::operator=(Tx&& other) noexcept = default;
Tx::~Tx() = default;
bool operator==(const Tx& a, const Tx& b) = default;

void Tx::encode_into(Encoder& out) const {
    millrace::encode_into(out, chain);
    millrace::encode_into(out, sender);
    millrace::encode_into(out, nonce);
    millrace::encode_into(out, fee_max);
    millrace::encode_into(out, tip);
    millrace::encode_into(out, expiry);
    out.integer(body_number(body));
    std::visit([&](const auto& b) { millrace::encode_into(out, b); }, body);
}

void Tx::decode_from(Decoder& in) {
    millrace::decode_into(in, chain);
    millrace::decode_into(in, sender);
    millrace::decode_into(in, nonce);
    millrace::decode_into(in, fee_max);
    millrace::decode_into(in, tip);
    millrace::decode_into(in, expiry);
    decode_body(in, body);
}

Hash signing_hash(const Tx& tx) {
    return hash_bytes("mill/txsign", encode(tx));
}

TxHash tx_hash(const SignedTx& tx) {
    return hash_as<TxHash>(hash_bytes("mill/tx", encode(tx)));
}

Hash validator_keys_hash(const ChainId& chain, const ValidatorId& owner,
                         const ValidatorKeySet& keys) {
    return Hasher("mill/valkeys")
        .update(chain)
        .update(owner.view())
        .update(keys.vote_key)
        .update(keys.vrf_key)
        .update(keys.peer_key)
        .finish();
}

Hash module_statement_hash(const ModuleStatement& statement) {
    return hash_bytes("mill/module", encode(statement));
}

std::uint8_t body_number(const TxBody& body) {
    return std::visit([](const auto& b) { return std::remove_cvref_t<decltype(b)>::kNumber; },
                      body);
}

JobId job_id_of(const ChainId& chain, const Address& sender, const Nonce& nonce) {
    return hash_as<JobId>(Hasher("mill/job")
                              .update(chain)
                              .update(sender.view())
                              .update_u64(nonce.lane)
                              .update_u64(nonce.sequence)
                              .finish());
}

bool is_move(const TxBody& body) {
    return std::holds_alternative<LeaseCommit>(body) || std::holds_alternative<LeaseReveal>(body);
}

}  // namespace millrace::market
