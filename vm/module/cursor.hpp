#pragma once

#include <cstdint>
#include <string>
#include <utility>

#include "common/bytes.hpp"
#include "vm/module/error.hpp"

namespace millrace::vm {

/// Reads bytes and strict LEB128 integers from a part of a module. The first broken rule sticks:
/// afterwards the cursor stands at its end and returns zeroes, so a loop ends by itself and callers
/// look at `failed()` once per item.
class ByteCursor {
  public:
    /// `base` is the offset of `bytes` in the module; every error counts from there.
    ByteCursor(ByteView bytes, std::uint32_t base)
        : begin_(bytes.data()), at_(bytes.data()), end_(bytes.data() + bytes.size()), base_(base) {}

    [[nodiscard]] bool at_end() const { return at_ == end_; }
    [[nodiscard]] std::uint32_t left() const { return static_cast<std::uint32_t>(end_ - at_); }
    /// Offset in the module of the next byte.
    [[nodiscard]] std::uint32_t offset() const {
        return base_ + static_cast<std::uint32_t>(at_ - begin_);
    }
    /// What is left, without moving.
    [[nodiscard]] ByteView rest() const { return {at_, end_}; }
    [[nodiscard]] bool failed() const { return failed_; }
    [[nodiscard]] const ModuleError& error() const { return error_; }

    void fail(std::uint32_t at, ModuleRule rule, std::string detail = {}) {
        if (!failed_) error_ = ModuleError{at, rule, std::move(detail)};
        failed_ = true;
        at_ = end_;
    }
    [[nodiscard]] std::uint8_t peek() {
        if (at_ != end_) return *at_;
        fail(offset(), ModuleRule::unexpected_end);
        return 0;
    }
    std::uint8_t u8() {
        if (at_ != end_) return *at_++;
        fail(offset(), ModuleRule::unexpected_end);
        return 0;
    }
    std::uint32_t u32() {
        if (at_ != end_ && *at_ < 0x80) return *at_++;
        return static_cast<std::uint32_t>(unsigned_leb(32));
    }
    std::int32_t s32() { return static_cast<std::int32_t>(signed_leb(32)); }
    std::int64_t s33() { return signed_leb(33); }
    std::int64_t s64() { return signed_leb(64); }
    /// Exactly `size` bytes; empty on failure.
    ByteView take(std::uint32_t size) {
        if (size > left()) {
            fail(offset(), ModuleRule::length_out_of_bounds,
                 std::to_string(size) + " bytes are announced and " + std::to_string(left()) +
                     " are left");
            return {};
        }
        const ByteView taken{at_, size};
        at_ += size;
        return taken;
    }

  private:
    std::uint64_t unsigned_leb(unsigned bits);
    std::int64_t signed_leb(unsigned bits);

    const std::uint8_t* begin_;
    const std::uint8_t* at_;
    const std::uint8_t* end_;
    std::uint32_t base_;
    bool failed_ = false;
    ModuleError error_;
};

}  // namespace millrace::vm
