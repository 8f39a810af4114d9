#include "vm/module/proposals.hpp"

#include <array>
#include <cstddef>

#include "common/bytes.hpp"
#include "vm/module/opcodes.hpp"

namespace millrace::vm {

namespace {

/// After 0xfd, from 0; `-` where there is a gap.
constexpr std::string_view kSimdNames =
    "v128.load v128.load8x8_s v128.load8x8_u v128.load16x4_s v128.load16x4_u v128.load32x2_s "
    "v128.load32x2_u v128.load8_splat v128.load16_splat v128.load32_splat v128.load64_splat "
    "v128.store v128.const i8x16.shuffle i8x16.swizzle i8x16.splat i16x8.splat i32x4.splat "
    "i64x2.splat f32x4.splat f64x2.splat i8x16.extract_lane_s i8x16.extract_lane_u "
    "i8x16.replace_lane i16x8.extract_lane_s i16x8.extract_lane_u i16x8.replace_lane "
    "i32x4.extract_lane i32x4.replace_lane i64x2.extract_lane i64x2.replace_lane "
    "f32x4.extract_lane f32x4.replace_lane f64x2.extract_lane f64x2.replace_lane i8x16.eq "
    "i8x16.ne i8x16.lt_s i8x16.lt_u i8x16.gt_s i8x16.gt_u i8x16.le_s i8x16.le_u i8x16.ge_s "
    "i8x16.ge_u i16x8.eq i16x8.ne i16x8.lt_s i16x8.lt_u i16x8.gt_s i16x8.gt_u i16x8.le_s "
    "i16x8.le_u i16x8.ge_s i16x8.ge_u i32x4.eq i32x4.ne i32x4.lt_s i32x4.lt_u i32x4.gt_s "
    "i32x4.gt_u i32x4.le_s i32x4.le_u i32x4.ge_s i32x4.ge_u f32x4.eq f32x4.ne f32x4.lt "
    "f32x4.gt f32x4.le f32x4.ge f64x2.eq f64x2.ne f64x2.lt f64x2.gt f64x2.le f64x2.ge "
    "v128.not v128.and v128.andnot v128.or v128.xor v128.bitselect v128.any_true "
    "v128.load8_lane v128.load16_lane v128.load32_lane v128.load64_lane v128.store8_lane "
    "v128.store16_lane v128.store32_lane v128.store64_lane v128.load32_zero v128.load64_zero "
    "f32x4.demote_f64x2_zero f64x2.promote_low_f32x4 i8x16.abs i8x16.neg i8x16.popcnt "
    "i8x16.all_true i8x16.bitmask i8x16.narrow_i16x8_s i8x16.narrow_i16x8_u f32x4.ceil "
    "f32x4.floor f32x4.trunc f32x4.nearest i8x16.shl i8x16.shr_s i8x16.shr_u i8x16.add "
    "i8x16.add_sat_s i8x16.add_sat_u i8x16.sub i8x16.sub_sat_s i8x16.sub_sat_u f64x2.ceil "
    "f64x2.floor i8x16.min_s i8x16.min_u i8x16.max_s i8x16.max_u f64x2.trunc i8x16.avgr_u "
    "i16x8.extadd_pairwise_i8x16_s i16x8.extadd_pairwise_i8x16_u "
    "i32x4.extadd_pairwise_i16x8_s i32x4.extadd_pairwise_i16x8_u i16x8.abs i16x8.neg "
    "i16x8.q15mulr_sat_s i16x8.all_true i16x8.bitmask i16x8.narrow_i32x4_s "
    "i16x8.narrow_i32x4_u i16x8.extend_low_i8x16_s i16x8.extend_high_i8x16_s "
    "i16x8.extend_low_i8x16_u i16x8.extend_high_i8x16_u i16x8.shl i16x8.shr_s i16x8.shr_u "
    "i16x8.add i16x8.add_sat_s i16x8.add_sat_u i16x8.sub i16x8.sub_sat_s i16x8.sub_sat_u "
    "f64x2.nearest i16x8.mul i16x8.min_s i16x8.min_u i16x8.max_s i16x8.max_u - i16x8.avgr_u "
    "i16x8.extmul_low_i8x16_s i16x8.extmul_high_i8x16_s i16x8.extmul_low_i8x16_u "
    "i16x8.extmul_high_i8x16_u i32x4.abs i32x4.neg - i32x4.all_true i32x4.bitmask - - "
    "i32x4.extend_low_i16x8_s i32x4.extend_high_i16x8_s i32x4.extend_low_i16x8_u "
    "i32x4.extend_high_i16x8_u i32x4.shl i32x4.shr_s i32x4.shr_u i32x4.add - - i32x4.sub - - "
    "- i32x4.mul i32x4.min_s i32x4.min_u i32x4.max_s i32x4.max_u i32x4.dot_i16x8_s - "
    "i32x4.extmul_low_i16x8_s i32x4.extmul_high_i16x8_s i32x4.extmul_low_i16x8_u "
    "i32x4.extmul_high_i16x8_u i64x2.abs i64x2.neg - i64x2.all_true i64x2.bitmask - - "
    "i64x2.extend_low_i32x4_s i64x2.extend_high_i32x4_s i64x2.extend_low_i32x4_u "
    "i64x2.extend_high_i32x4_u i64x2.shl i64x2.shr_s i64x2.shr_u i64x2.add - - i64x2.sub - - "
    "- i64x2.mul i64x2.eq i64x2.ne i64x2.lt_s i64x2.gt_s i64x2.le_s i64x2.ge_s "
    "i64x2.extmul_low_i32x4_s i64x2.extmul_high_i32x4_s i64x2.extmul_low_i32x4_u "
    "i64x2.extmul_high_i32x4_u f32x4.abs f32x4.neg - f32x4.sqrt f32x4.add f32x4.sub f32x4.mul "
    "f32x4.div f32x4.min f32x4.max f32x4.pmin f32x4.pmax f64x2.abs f64x2.neg - f64x2.sqrt "
    "f64x2.add f64x2.sub f64x2.mul f64x2.div f64x2.min f64x2.max f64x2.pmin f64x2.pmax "
    "i32x4.trunc_sat_f32x4_s i32x4.trunc_sat_f32x4_u f32x4.convert_i32x4_s "
    "f32x4.convert_i32x4_u i32x4.trunc_sat_f64x2_s_zero i32x4.trunc_sat_f64x2_u_zero "
    "f64x2.convert_low_i32x4_s f64x2.convert_low_i32x4_u";

/// After 0xfd, from 0x100.
constexpr std::string_view kRelaxedSimdNames =
    "i8x16.relaxed_swizzle i32x4.relaxed_trunc_f32x4_s i32x4.relaxed_trunc_f32x4_u "
    "i32x4.relaxed_trunc_f64x2_s_zero i32x4.relaxed_trunc_f64x2_u_zero f32x4.relaxed_madd "
    "f32x4.relaxed_nmadd f64x2.relaxed_madd f64x2.relaxed_nmadd i8x16.relaxed_laneselect "
    "i16x8.relaxed_laneselect i32x4.relaxed_laneselect i64x2.relaxed_laneselect "
    "f32x4.relaxed_min f32x4.relaxed_max f64x2.relaxed_min f64x2.relaxed_max "
    "i16x8.relaxed_q15mulr_s i16x8.relaxed_dot_i8x16_i7x16_s "
    "i32x4.relaxed_dot_i8x16_i7x16_add_s";

/// After 0xfe.
constexpr std::string_view kAtomicNames =
    "memory.atomic.notify memory.atomic.wait32 memory.atomic.wait64 atomic.fence - - - - - - "
    "- - - - - - i32.atomic.load i64.atomic.load i32.atomic.load8_u i32.atomic.load16_u "
    "i64.atomic.load8_u i64.atomic.load16_u i64.atomic.load32_u i32.atomic.store "
    "i64.atomic.store i32.atomic.store8 i32.atomic.store16 i64.atomic.store8 "
    "i64.atomic.store16 i64.atomic.store32 i32.atomic.rmw.add i64.atomic.rmw.add "
    "i32.atomic.rmw8.add_u i32.atomic.rmw16.add_u i64.atomic.rmw8.add_u "
    "i64.atomic.rmw16.add_u i64.atomic.rmw32.add_u i32.atomic.rmw.sub i64.atomic.rmw.sub "
    "i32.atomic.rmw8.sub_u i32.atomic.rmw16.sub_u i64.atomic.rmw8.sub_u "
    "i64.atomic.rmw16.sub_u i64.atomic.rmw32.sub_u i32.atomic.rmw.and i64.atomic.rmw.and "
    "i32.atomic.rmw8.and_u i32.atomic.rmw16.and_u i64.atomic.rmw8.and_u "
    "i64.atomic.rmw16.and_u i64.atomic.rmw32.and_u i32.atomic.rmw.or i64.atomic.rmw.or "
    "i32.atomic.rmw8.or_u i32.atomic.rmw16.or_u i64.atomic.rmw8.or_u i64.atomic.rmw16.or_u "
    "i64.atomic.rmw32.or_u i32.atomic.rmw.xor i64.atomic.rmw.xor i32.atomic.rmw8.xor_u "
    "i32.atomic.rmw16.xor_u i64.atomic.rmw8.xor_u i64.atomic.rmw16.xor_u "
    "i64.atomic.rmw32.xor_u i32.atomic.rmw.xchg i64.atomic.rmw.xchg i32.atomic.rmw8.xchg_u "
    "i32.atomic.rmw16.xchg_u i64.atomic.rmw8.xchg_u i64.atomic.rmw16.xchg_u "
    "i64.atomic.rmw32.xchg_u i32.atomic.rmw.cmpxchg i64.atomic.rmw.cmpxchg "
    "i32.atomic.rmw8.cmpxchg_u i32.atomic.rmw16.cmpxchg_u i64.atomic.rmw8.cmpxchg_u "
    "i64.atomic.rmw16.cmpxchg_u i64.atomic.rmw32.cmpxchg_u";

/// After 0xfb.
constexpr std::string_view kGcNames =
    "struct.new struct.new_default struct.get struct.get_s struct.get_u struct.set array.new "
    "array.new_default array.new_fixed array.new_data array.new_elem array.get array.get_s "
    "array.get_u array.set array.len array.fill array.copy array.init_data array.init_elem "
    "ref.test ref.test_null ref.cast ref.cast_null br_on_cast br_on_cast_fail "
    "any.convert_extern extern.convert_any ref.i31 i31.get_s i31.get_u";

struct SingleByte {
    std::uint8_t code;
    ModuleRule rule;
    std::string_view name;
};
constexpr auto kSingleBytes = std::to_array<SingleByte>({
    {0x06, ModuleRule::exceptions, "try"},
    {0x07, ModuleRule::exceptions, "catch"},
    {0x08, ModuleRule::exceptions, "throw"},
    {0x09, ModuleRule::exceptions, "rethrow"},
    {0x0a, ModuleRule::exceptions, "throw_ref"},
    {0x12, ModuleRule::tail_calls, "return_call"},
    {0x13, ModuleRule::tail_calls, "return_call_indirect"},
    {0x14, ModuleRule::function_references, "call_ref"},
    {0x15, ModuleRule::function_references, "return_call_ref"},
    {0x18, ModuleRule::exceptions, "delegate"},
    {0x19, ModuleRule::exceptions, "catch_all"},
    {0x1f, ModuleRule::exceptions, "try_table"},
    {0xd3, ModuleRule::garbage_collection, "ref.eq"},
    {0xd4, ModuleRule::function_references, "ref.as_non_null"},
    {0xd5, ModuleRule::function_references, "br_on_null"},
    {0xd6, ModuleRule::function_references, "br_on_non_null"},
});
constexpr auto kWideArithmetic = std::to_array<std::string_view>(
    {"i64.add128", "i64.sub128", "i64.mul_wide_s", "i64.mul_wide_u"});
constexpr std::uint32_t kWideArithmeticFirst = 0x13;
constexpr std::uint32_t kRelaxedSimdFirst = 0x100;

/// Word number `index` of a list separated by spaces; empty beyond its end and for gaps.
std::string_view word(std::string_view list, std::uint32_t index) {
    for (; index != 0; --index) {
        const std::size_t space = list.find(' ');
        if (space == std::string_view::npos) return {};
        list.remove_prefix(space + 1);
    }
    const std::string_view found = list.substr(0, list.find(' '));
    return found == "-" ? std::string_view{} : found;
}

std::string hex(std::uint8_t prefix, std::uint32_t code) {
    std::string text = "opcode 0x";
    const std::array<std::uint8_t, 1> first{prefix == 0 ? static_cast<std::uint8_t>(code) : prefix};
    text += to_hex(first);
    if (prefix != 0) text += " " + std::to_string(code);
    return text;
}

ProposalOp named(ModuleRule rule, std::string_view name, std::uint8_t prefix, std::uint32_t code) {
    if (name.empty()) return {ModuleRule::illegal_opcode, hex(prefix, code)};
    return {rule, std::string{name}};
}

}  // namespace

ProposalOp find_proposal(std::uint8_t prefix, std::uint32_t code) {
    switch (prefix) {
        case 0:
            for (const SingleByte& row : kSingleBytes)
                if (row.code == code) return {row.rule, std::string{row.name}};
            break;
        case kPrefixGc:
            return named(ModuleRule::garbage_collection, word(kGcNames, code), prefix, code);
        case kPrefixBulk:
            if (code >= kWideArithmeticFirst &&
                code - kWideArithmeticFirst < kWideArithmetic.size())
                return {ModuleRule::wide_arithmetic,
                        std::string{kWideArithmetic.at(code - kWideArithmeticFirst)}};
            break;
        case kPrefixSimd:
            if (code >= kRelaxedSimdFirst)
                return named(ModuleRule::relaxed_simd,
                             word(kRelaxedSimdNames, code - kRelaxedSimdFirst), prefix, code);
            return named(ModuleRule::simd, word(kSimdNames, code), prefix, code);
        case kPrefixThreads:
            return named(ModuleRule::threads, word(kAtomicNames, code), prefix, code);
        default:
            break;
    }
    return {ModuleRule::illegal_opcode, hex(prefix, code)};
}

std::string_view avoid_with(ModuleRule rule) {
    switch (rule) {
        case ModuleRule::simd:
        case ModuleRule::relaxed_simd:
            return "clang and zig cc: -mno-simd128; rustc: -C target-feature=-simd128; zig: "
                   "-mcpu=generic; tinygo and go emit none";
        case ModuleRule::threads:
            return "clang: -mno-atomics and no -pthread; rustc: target wasm32-wasip1 instead of "
                   "wasm32-wasip1-threads, or -C target-feature=-atomics; zig: -fsingle-threaded; "
                   "tinygo: -scheduler=none or asyncify";
        case ModuleRule::exceptions:
            return "clang: -fno-exceptions and no -fwasm-exceptions or -mllvm -wasm-enable-sjlj; "
                   "rustc: -C panic=abort";
        case ModuleRule::tail_calls:
            return "clang: -mno-tail-call; rustc: -C target-feature=-tail-call";
        case ModuleRule::garbage_collection:
        case ModuleRule::function_references:
            return "a language that keeps its objects in linear memory (C, C++, Rust, Zig, "
                   "TinyGo); "
                   "clang: -mno-gc";
        case ModuleRule::memory64:
            return "clang: --target=wasm32-wasi instead of wasm64; rustc: --target wasm32-wasip1; "
                   "wasm-ld: without -mwasm64";
        case ModuleRule::multiple_memories:
        case ModuleRule::multiple_memories_proposal:
            return "clang: -mno-multimemory; rustc: -C target-feature=-multimemory";
        case ModuleRule::extended_constants:
            return "clang: -mno-extended-const; rustc: -C target-feature=-extended-const";
        case ModuleRule::wide_arithmetic:
            return "clang: -mno-wide-arithmetic; rustc: -C target-feature=-wide-arithmetic";
        case ModuleRule::custom_page_sizes:
            return "wasm-ld: without --page-size";
        case ModuleRule::component_model:
            return "rustc: --target wasm32-wasip1 instead of wasm32-wasip2; tinygo: "
                   "-target=wasip1; "
                   "clang: --target=wasm32-wasip1 or wasm32-wasi";
        default:
            return {};
    }
}

}  // namespace millrace::vm
