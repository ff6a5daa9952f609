% Runs in Octave, as `octave calibrations_read.m FOLDER FORMAT`: it loads what we wrote as MATLAB's users do,
% and projects points.csv with the formulas of MATLAB's documentation, as its own functions (worldToImage) are
% not in Octave; prints the pixels of each camera, by name. It also saves a stereo.mat.

1;

function pixels = seen(points, K, radial, tangential, R, t)
  % cameraParameters/worldToImage, with the distortion of "What Is Camera Calibration?": row vectors.
  world = [points, ones(rows(points), 1)] * [R; t];
  x = world(:, 1) ./ world(:, 3);
  y = world(:, 2) ./ world(:, 3);
  r2 = x .^ 2 + y .^ 2;
  radial = [radial, 0];
  stretched = 1 + radial(1) * r2 + radial(2) * r2 .^ 2 + radial(3) * r2 .^ 3;
  p = tangential;
  u = x .* stretched + 2 * p(1) * x .* y + p(2) * (r2 + 2 * x .^ 2);
  v = y .* stretched + p(1) * (r2 + 2 * y .^ 2) + 2 * p(2) * x .* y;
  pixels = [u, v, ones(rows(points), 1)] * K;
  pixels = pixels(:, 1:2);
end

function found = with_matlab(folder, points)
  load(fullfile(folder, "cameras.mat"), "cameras");
  for i = 1:numel(cameras)
    c = cameras{i};
    found.(c.Name) = seen(points, c.IntrinsicMatrix, c.RadialDistortion, c.TangentialDistortion, ...
                          c.RotationMatrix, c.TranslationVector);
    assert(c.ImageSize, [1024, 1280]);
  end
end

function found = with_dannce(folder, points)
  % As Label3D takes them: a struct per file, in the order of the numbers; and the file with all of them.
  both = load(fullfile(folder, "dannce", "cameras_dannce.mat"));
  for i = 1:numel(both.params)
    c = load(fullfile(folder, "dannce", sprintf("hires_cam%d_params.mat", i)));
    assert(c, both.params{i});
    found.(both.camnames{i}) = seen(points, c.K, c.RDistort, c.TDistort, c.r, c.t);
  end
end

function found = with_dlt(folder, points)
  % dlt_inverse of DLTdv: u = (L1 X + L2 Y + L3 Z + L4) / (L9 X + L10 Y + L11 Z + 1), v with L5 to L8.
  coefficients = csvread(fullfile(folder, "dlt.csv"));
  for i = 1:columns(coefficients)
    L = coefficients(:, i);
    below = points * L(9:11) + 1;
    found.(sprintf("cam%d", i - 1)) = [points * L(1:3) + L(4), points * L(5:7) + L(8)] ./ below;
  end
end

function save_stereo(folder)
  % What toStruct(stereoParams) gives, of MATLAB until R2022a.
  lens = struct("RadialDistortion", [-0.1, 0.02], "TangentialDistortion", [0.001, -0.002], ...
                "ImageSize", [1024, 1280], "IntrinsicMatrix", [1000, 0, 0; 0, 1010, 0; 641, 501, 1], ...
                "WorldUnits", "mm", "EstimateSkew", false, "NumRadialDistortionCoefficients", 2);
  stereo = struct("CameraParameters1", lens, "CameraParameters2", lens, ...
                  "RotationOfCamera2", [0, 1, 0; -1, 0, 0; 0, 0, 1], ...
                  "TranslationOfCamera2", [10, 20, 500], ...
                  "Version", struct("Major", 5, "Minor", 0));
  save("-v7", fullfile(folder, "stereo.mat"), "stereo");
end

arguments = argv();
[folder, kind] = arguments{:};
points = csvread(fullfile(folder, "points.csv"));
found = feval(["with_" kind], folder, points);
save_stereo(folder);
disp(jsonencode(found));
