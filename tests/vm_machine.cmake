millrace_test(NAME test_vm_machine LABELS unit property
  SOURCES
    property/vm/lowering_test.cpp
    property/vm/witness_test.cpp
    unit/vm/image/image_test.cpp
    unit/vm/machine/claim_test.cpp
    unit/vm/machine/numeric_test.cpp
    unit/vm/machine/run_test.cpp
  LIBS millrace_vm)
millrace_test(NAME test_vm_machine_golden LABELS golden
  SOURCES unit/vm/machine/golden_test.cpp
  LIBS millrace_vm)
add_executable(make_witnesses vectors/vm/make_witnesses.cpp)
target_link_libraries(make_witnesses PRIVATE millrace_vm doctest::doctest)
millrace_label_targets(make_witnesses property)
# A second machine, in Python and from the documents alone, judges random witnesses of ours.
find_package(Python3 REQUIRED COMPONENTS Interpreter)
set(witnesses ${CMAKE_BINARY_DIR}/witnesses)
add_test(NAME make_witnesses COMMAND ${CMAKE_CURRENT_SOURCE_DIR}/vectors/vm/make_witnesses.sh
  $<TARGET_FILE:make_witnesses> 20260101 4000 ${witnesses})
add_test(NAME vectors_machine_check COMMAND ${Python3_EXECUTABLE}
  ${CMAKE_CURRENT_SOURCE_DIR}/vectors/machine_check/check.py --agree 3900 --instructions 318 --mutants 1000
  ${CMAKE_CURRENT_SOURCE_DIR}/golden/image_opcodes.txt ${witnesses}/witnesses.bin)
set_tests_properties(make_witnesses vectors_machine_check PROPERTIES LABELS property TIMEOUT 300)
set_tests_properties(make_witnesses PROPERTIES FIXTURES_SETUP witnesses)
set_tests_properties(vectors_machine_check PROPERTIES FIXTURES_REQUIRED witnesses)
