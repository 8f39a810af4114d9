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
