#pragma once

#include "common/codec.hpp"
#include "market/state.hpp"

/// Keys and typed access to the flat state. Integers in keys are big-endian, so that the order of
/// keys is the order of numbers. Source: docs/protocol/state.md.
namespace millrace::market {

/// The first byte of every key; never reused.
enum class Table : std::uint8_t {
    chain = 0x01,
    params = 0x02,
    account = 0x03,
    validator = 0x04,
    provider = 0x05,
    module = 0x06,
    version_signal = 0x07,
    validator_rank = 0x08,
    epoch_set = 0x09,
    attendance = 0x0a,
    vote_key = 0x0b,
    punished = 0x0c,
    job = 0x10,
    job_spec = 0x11,
    chunk = 0x12,
    task_result = 0x13,
    job_lease = 0x14,
    job_excluded = 0x15,
    job_held = 0x16,
    open_chunk = 0x17,
    account_job = 0x18,
    lease = 0x20,
    provider_queue = 0x21,
    provider_lease = 0x22,
    bid = 0x30,
    ask = 0x31,
    dirty_order = 0x32,
    class_price = 0x33,
    admission = 0x34,
    sleeping_bid = 0x35,
    supply_due = 0x36,
    ask_admission = 0x37,
    due = 0x40,
};

class Key {
  public:
    explicit Key(Table table) { bytes_.push_back(static_cast<std::uint8_t>(table)); }
    template <std::size_t N, class Tag>
    Key& add(const FixedBytes<N, Tag>& part) {
        return add_raw(part.view());
    }
    template <class T>
        requires requires(const T& t) {
            { t.view() } -> std::convertible_to<ByteView>;
        }
    Key& add(const T& part) {
        return add_raw(part.view());
    }
    Key& add_raw(ByteView part) {
        bytes_.insert(bytes_.end(), part.begin(), part.end());
        return *this;
    }
    template <class Integer>
    Key& add_number(Integer value) {
        for (std::size_t i = sizeof(Integer); i-- > 0;)
            bytes_.push_back(static_cast<std::uint8_t>(value >> (8 * i)));
        return *this;
    }
    [[nodiscard]] const Bytes& bytes() const { return bytes_; }
    // NOLINTNEXTLINE(google-explicit-constructor): a key is its bytes.
    operator ByteView() const { return bytes_; }

  private:
    Bytes bytes_;
};

/// A number out of a key, at `at`.
template <class Integer>
[[nodiscard]] Integer number_in_key(ByteView key, std::size_t at) {
    MILLRACE_ASSERT(at + sizeof(Integer) <= key.size());
    Integer value = 0;
    for (std::size_t i = 0; i < sizeof(Integer); ++i)
        value = static_cast<Integer>(static_cast<Integer>(value << 8U) | key[at + i]);
    return value;
}
/// An id out of a key, at `at`.
template <class Id>
[[nodiscard]] Id id_in_key(ByteView key, std::size_t at) {
    MILLRACE_ASSERT(at + Id::kSize <= key.size());
    return *Id::from(key.subspan(at, Id::kSize));
}

/// What stands in state is what we wrote: bytes that do not decode are our mistake.
template <class T>
[[nodiscard]] T decode_state(ByteView raw) {
    auto value = decode<T>(raw);
    MILLRACE_ASSERT(value.has_value());
    return *std::move(value);
}
template <class T>
[[nodiscard]] std::optional<T> load(const StateReader& state, ByteView key) {
    const std::optional<Bytes> raw = state.get(key);
    if (!raw) return std::nullopt;
    return decode_state<T>(*raw);
}
template <class T>
void store(Overlay& state, const Key& key, const T& value) {
    state.put(key.bytes(), encode(value));
}

}  // namespace millrace::market
