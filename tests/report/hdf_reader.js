// What inspecjs makes of a file: run by test_hdf.py. Arguments: the folder of inspecjs, and the file.
const inspecjs = require(process.argv[2]);
const text = require("fs").readFileSync(process.argv[3], "utf8");
const read = inspecjs.convertFile(text, true);
const evaluation = read["1_0_ExecJson"];
const controls = evaluation
  ? inspecjs.contextualizeEvaluation(evaluation).contains[0].contains.map((one) => ({
      id: one.data.id,
      status: one.hdf.status,
      severity: one.hdf.severity,
      nist: one.hdf.canonized_nist({ max_specifiers: 5, pad_zeros: false, allow_letters: false, add_spaces: false }),
      waived: one.hdf.waived,
      results: one.hdf.segments.map((result) => result.status),
    }))
  : null;
console.log(JSON.stringify({ kinds: Object.keys(read).filter((name) => name !== "errors"), controls }));
