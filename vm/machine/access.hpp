#pragma once

#include <concepts>
#include <cstdint>

#include "common/bytes.hpp"
#include "vm/machine/layout.hpp"

namespace millrace::vm {

/// How the semantics reach the state. One source of semantics runs over three policies: direct
/// (plain memory), recording (keeps the pages touched) and witness (only the pages given). A page
/// that a witness lacks is a fault of the witness, never of the machine: the policy remembers it,
/// returns zeroes, and the verifier refuses the witness.
///
/// No single call crosses a page unless it says so; whoever needs more goes in micro-steps.
template <class A>
concept StateAccess =
    requires(A& state, const A& constant, Address at, Address from, std::uint64_t word,
             MutableByteView out, ByteView in, std::uint32_t size, Register reg) {
        /// Eight bytes at a multiple of eight, little-endian.
        { state.load(at) } -> std::same_as<std::uint64_t>;
        { state.store(at, word) } -> std::same_as<void>;
        /// Bytes within one page.
        { state.read(at, out) } -> std::same_as<void>;
        { state.write(at, in) } -> std::same_as<void>;
        /// Copies within memory; neither side crosses a page; overlap behaves as memmove.
        { state.copy(at, from, size) } -> std::same_as<void>;
        /// Fills bytes within one page with the low byte of `word`.
        { state.fill(at, word, size) } -> std::same_as<void>;
        { state.reg(reg) } -> std::same_as<std::uint64_t>;
        { state.set_reg(reg, word) } -> std::same_as<void>;
        /// True when the policy has met something it cannot serve; the run must stop.
        { constant.failed() } -> std::same_as<bool>;
    };

}  // namespace millrace::vm
