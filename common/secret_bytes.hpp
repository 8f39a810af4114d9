#pragma once

#include <sodium/utils.h>

#include <array>
#include <cstdint>
#include <cstring>
#include <optional>
#include <string_view>
#include <utility>

#include "common/bytes.hpp"

namespace millrace {

/// N secret bytes. They move but do not copy, have no codec, no JSON and no printing, and are
/// erased when destroyed or moved from, so that a secret is in memory once and in a log never.
template <std::size_t N>
class SecretBytes {
  public:
    static constexpr std::size_t kSize = N;

    SecretBytes() = default;
    /// None when the size differs. The caller erases the source.
    [[nodiscard]] static std::optional<SecretBytes> from(ByteView raw) {
        if (raw.size() != N) return std::nullopt;
        SecretBytes out;
        std::memcpy(out.bytes_.data(), raw.data(), N);
        return out;
    }
    SecretBytes(const SecretBytes&) = delete;
    SecretBytes& operator=(const SecretBytes&) = delete;
    SecretBytes(SecretBytes&& other) noexcept : bytes_(other.bytes_) { other.erase(); }
    SecretBytes& operator=(SecretBytes&& other) noexcept {
        if (this != &other) {
            bytes_ = other.bytes_;
            other.erase();
        }
        return *this;
    }
    ~SecretBytes() { erase(); }

    /// A second copy, made on purpose.
    [[nodiscard]] SecretBytes clone() const {
        SecretBytes out;
        out.bytes_ = bytes_;
        return out;
    }
    [[nodiscard]] ByteView view() const noexcept { return {bytes_.data(), N}; }
    [[nodiscard]] MutableByteView mutable_view() noexcept { return {bytes_.data(), N}; }
    [[nodiscard]] const std::uint8_t* data() const noexcept { return bytes_.data(); }
    [[nodiscard]] std::uint8_t* data() noexcept { return bytes_.data(); }
    /// In constant time.
    friend bool operator==(const SecretBytes& a, const SecretBytes& b) {
        return sodium_memcmp(a.data(), b.data(), N) == 0;
    }

  private:
    void erase() noexcept { sodium_memzero(bytes_.data(), N); }
    std::array<std::uint8_t, N> bytes_{};
};

/// Secret bytes of a size known only at run time, under the same rules.
class SecretBuffer {
  public:
    SecretBuffer() = default;
    explicit SecretBuffer(std::size_t size) : bytes_(size) {}
    /// A copy; the caller erases the source.
    explicit SecretBuffer(ByteView raw) : bytes_(raw.begin(), raw.end()) {}
    SecretBuffer(const SecretBuffer&) = delete;
    SecretBuffer& operator=(const SecretBuffer&) = delete;
    SecretBuffer(SecretBuffer&& other) noexcept : bytes_(std::move(other.bytes_)) {}
    SecretBuffer& operator=(SecretBuffer&& other) noexcept {
        std::swap(bytes_, other.bytes_);
        return *this;
    }
    ~SecretBuffer() { sodium_memzero(bytes_.data(), bytes_.size()); }

    [[nodiscard]] std::size_t size() const noexcept { return bytes_.size(); }
    [[nodiscard]] ByteView view() const noexcept { return bytes_; }
    [[nodiscard]] std::string_view text() const noexcept { return as_text(bytes_); }
    [[nodiscard]] MutableByteView mutable_view() noexcept { return bytes_; }

  private:
    Bytes bytes_;
};

/// Erases a buffer of ours that held a secret when the scope ends, on every way out.
class EraseAtExit {
  public:
    explicit EraseAtExit(MutableByteView target) : target_(target) {}
    ~EraseAtExit() { sodium_memzero(target_.data(), target_.size()); }
    EraseAtExit(const EraseAtExit&) = delete;
    EraseAtExit& operator=(const EraseAtExit&) = delete;

  private:
    MutableByteView target_;
};

}  // namespace millrace
